"""The files of a batch, restored one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from vsdeblur.batch.listing import listed, output_name, refuse_nested
from vsdeblur.batch.page import write_page
from vsdeblur.batch.summary import DONE, FAILED, PARTIAL, Outcome, Summary
from vsdeblur.cluster.transcode import transcode as shared_transcode
from vsdeblur.cluster.where import Where, connected
from vsdeblur.errors import DeblurError, InputError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.transcode import task_of, transcode
from vsdeblur.settings.engine import Number
from vsdeblur.settings.files import FileSettings
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import BATCH

# tell(number of the file from 1 on, how many there are, what became of it)
Tell = Callable[[int, int, Outcome], None]
# restores one file: source, target, settings with "progress"
Restore = Callable[..., Report]


@takes(BATCH)
def batch(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    factor: Number = 1,
    *,
    cluster: str | None = None,
    tell: Tell | None = None,
    progress: Progress | None = None,
    restore: Restore | None = None,
    **settings: Unpack[FileSettings],
) -> Summary:
    """Deblur all videos in a folder and in those within it; what fails is noted, and the rest goes on.

    Each output has its source's name, within dst. After every file the summary is written there, as
    "vsdeblur-batch.json" and as a page that stands alone, "vsdeblur-batch.html".

    Args:
        src: A folder.
        dst: A folder outside of it, which is made where there is none.
        cluster: Where the work is done, as of ``vsdeblur.cluster.transcode``; None for here alone.
        tell: Called after every file with (its number from 1 on, how many there are, its outcome).
        progress: Of each file, see ``transcode``.
        restore: What restores one file, with the arguments of ``transcode``; None for that.
        resume: What an earlier run did with the same settings is not done again; a file that was interrupted goes on.
        **settings: See [Settings](settings.md).

    Raises:
        DeblurError: ArgumentError, InputError, with one line on what is wrong with the batch as a whole.
    """
    source, target = Path(src), Path(dst)
    given: dict[str, Any] = {"factor": factor, **settings}
    task_of("-", "-", given, None)  # settings that are wrong for every file
    where = None if cluster is None else Where.parse(cluster)
    videos, skipped = listed(source)
    if not videos:
        raise InputError(f"{source}: no video in this folder")
    refuse_nested(source, target)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: {reason(error)}") from None
    summary = Summary({name: str(value) for name, value in sorted(given.items()) if name not in _OF_ONE_RUN})
    there = {_key(source, path)[0] for path in videos}
    before = _earlier(target, summary, bool(given.get("resume")), bool(given.get("overwrite")))
    before = {name: one for name, one in before.items() if name in there}
    summary.skipped = skipped
    if restore is None:
        restore = transcode if cluster is None else partial(_on_cluster, cluster)
    done: list[Outcome] = []
    with nullcontext() if where is None else connected(where):
        for number, path in enumerate(videos, 1):
            name, size, changed = _key(source, path)
            outcome = before.pop(name, None)
            if outcome is None or (outcome.size, outcome.changed) != (size, changed):
                outcome = _one(source, path, target, given, progress, restore)
            done.append(outcome)
            summary.files = [*done, *before.values()]
            summary.save(target)
            write_page(summary, target)
            if tell is not None:
                tell(number, len(videos), outcome)
    return summary


def _on_cluster(cluster: str, source: Path, target: Path, *, resume: bool = False, **given: Any) -> Report:
    """One file by a cluster, which always goes on where it was interrupted."""
    return shared_transcode(source, target, **given, cluster=cluster)


_OF_ONE_RUN = ("overwrite", "resume")


def _key(folder: Path, path: Path) -> tuple[str, int, int]:
    """What a source is recognised by in a later run."""
    try:
        status = path.stat()
    except OSError:  # a link that leads nowhere
        return path.relative_to(folder).as_posix(), 0, 0
    return path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns


def _earlier(target: Path, summary: Summary, resume: bool, overwrite: bool) -> dict[str, Outcome]:
    """Files that have their outputs already. Raises DeblurError where they were made with other settings."""
    found = Summary.load(target)
    if found is None:
        return {}
    if not resume:
        if overwrite:
            return {}
        raise DeblurError(f"{target} has the results of a batch", "go on with {resume}, or pass {overwrite}")
    for name in sorted(found.settings.keys() | summary.settings.keys()):
        was, now = found.settings.get(name), summary.settings.get(name)
        if was != now:
            raise DeblurError(f"{target} was made with {name}={was}, not {now}", "repeat those settings to go on")
    done = [one for one in found.files if one.status != FAILED and (target / one.output).is_file()]
    return {one.source: one for one in done}


def _one(
    folder: Path,
    path: Path,
    target: Path,
    given: Mapping[str, Any],
    progress: Progress | None,
    restore: Restore,
) -> Outcome:
    name, size, changed = _key(folder, path)
    output = output_name(Path(name))
    began = time.monotonic()
    report: Report | None = None
    why = ""
    try:
        (target / output).parent.mkdir(parents=True, exist_ok=True)
        report = restore(path, target / output, **given, progress=progress)
        why = report.errors[0] if report.errors else ""
    except (DeblurError, OSError) as error:
        why = reason(error)
    except MemoryError:
        why = "out of memory: give a smaller max_memory"
    except Exception as error:  # the other files are worth going on for, and the summary says so
        why = f"unforeseen: {type(error).__name__}: {reason(error)}"
    seconds = time.monotonic() - began
    if report is None:
        return Outcome(name, FAILED, "", why, size, changed, seconds)
    status = PARTIAL if report.partial else DONE
    return Outcome(name, status, output.as_posix(), why, size, changed, seconds, report.as_dict())
