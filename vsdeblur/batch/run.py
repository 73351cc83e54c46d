"""The files of a batch, restored one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Unpack

from vsdeblur.batch.listing import output_name, refuse_nested
from vsdeblur.batch.page import write_page
from vsdeblur.batch.places import Place, place_at
from vsdeblur.batch.summary import DONE, FAILED, NAME, PAGE, PARTIAL, Outcome, Summary
from vsdeblur.cluster.progress import Nodes
from vsdeblur.cluster.run import transcode as shared_transcode
from vsdeblur.cluster.where import Where, connected
from vsdeblur.errors import DeblurError, InputError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.transcoding import task_of, transcode
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
    nodes: Nodes | None = None,
    restore: Restore | None = None,
    **settings: Unpack[FileSettings],
) -> Summary:
    """Deblur all videos in a folder and in those within it; what fails is noted, and the rest goes on.

    Each output has its source's name, within dst. After every file the summary is written there, as
    "vsdeblur-batch.json" and as a page that stands alone, "vsdeblur-batch.html".

    Args:
        src: A folder, or the URL of one in an object store.
        dst: A folder or URL outside of it, which is made where there is none.
        cluster: Where the work is done, as of ``vsdeblur.cluster.transcode``; None for here alone.
        tell: Called after every file with (its number from 1 on, how many there are, its outcome).
        progress: Of each file, see ``transcode``.
        nodes: Of each file, see ``vsdeblur.cluster.transcode``.
        restore: What restores one file, with the arguments of ``transcode``; None for that.
        resume: What an earlier run did with the same settings is not done again; a file that was interrupted goes on.
        **settings: See [Settings](settings.md).

    Raises:
        DeblurError: ArgumentError, InputError, with one line on what is wrong with the batch as a whole.
    """
    given: dict[str, Any] = {"factor": factor, **settings}
    task_of("-", "-", given, None)  # settings that are wrong for every file
    where = None if cluster is None else Where.parse(cluster)
    if restore is None:
        restore = transcode if cluster is None else partial(_on_cluster, cluster, nodes)
    with place_at(src) as source, nullcontext() if where is None else connected(where):
        videos, skipped = source.listed()
        if not videos:
            raise InputError(f"{src}: no video in this folder")
        refuse_nested(os.fspath(src), os.fspath(dst))
        with place_at(dst, NAME) as target:
            one = partial(_one, source, target, given, progress, restore)
            summary = Summary({name: str(value) for name, value in sorted(given.items()) if name not in _OF_ONE_RUN})
            summary.skipped = skipped
            before = _earlier(target, summary, bool(given.get("resume")), bool(given.get("overwrite")))
            before = {name: found for name, found in before.items() if name in set(videos)}
            done: list[Outcome] = []
            for number, name in enumerate(videos, 1):
                outcome = before.pop(name, None)
                if outcome is None or (outcome.size, outcome.changed) != source.key(name):
                    outcome = one(name)
                done.append(outcome)
                summary.files = [*done, *before.values()]
                summary.save(target.summary())
                write_page(summary, target.summary())
                target.publish(NAME, PAGE)
                if tell is not None:
                    tell(number, len(videos), outcome)
    return summary


def _on_cluster(
    cluster: str, nodes: Nodes | None, source: Any, target: Any, *, resume: bool = False, **given: Any
) -> Report:
    """One file by a cluster, which always goes on where it was interrupted."""
    return shared_transcode(source, target, **given, cluster=cluster, nodes=nodes)


_OF_ONE_RUN = ("overwrite", "resume")


def _earlier(target: Place, summary: Summary, resume: bool, overwrite: bool) -> dict[str, Outcome]:
    """Files that have their outputs already. Raises DeblurError where they were made with other settings."""
    found = Summary.load(target.summary())
    if found is None:
        return {}
    if not resume:
        if overwrite:
            return {}
        raise DeblurError(f"{target.name} has the results of a batch", "go on with {resume}, or pass {overwrite}")
    for name in sorted(found.settings.keys() | summary.settings.keys()):
        was, now = found.settings.get(name), summary.settings.get(name)
        if was != now:
            raise DeblurError(f"{target.name} was made with {name}={was}, not {now}", "repeat those settings to go on")
    done = [one for one in found.files if one.status != FAILED and target.has(one.output)]
    return {one.source: one for one in done}


def _one(
    source: Place,
    target: Place,
    given: Mapping[str, Any],
    progress: Progress | None,
    restore: Restore,
    name: str,
) -> Outcome:
    size, changed = source.key(name)
    output = output_name(PurePosixPath(name)).as_posix()
    began = time.monotonic()
    report: Report | None = None
    why = ""
    try:
        report = restore(source.address(name), target.address(output), **given, progress=progress)
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
    return Outcome(name, status, output, why, size, changed, seconds, report.as_dict())
