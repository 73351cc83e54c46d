"""A whole media file, deblurred at a higher rate."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

from vsdeblur.errors import ArgumentError
from vsdeblur.files import remove_dead
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file.interlaced import refuse_interlaced
from vsdeblur.filters.pyav.file.map import check_map, mapping
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.job import Job, Task
from vsdeblur.filters.pyav.outputs import write
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.segments.kept import kept_settings
from vsdeblur.filters.pyav.segments.resume import write_resumable
from vsdeblur.filters.pyav.segments.share import part_name, write_segment
from vsdeblur.settings import checked
from vsdeblur.settings.engine import Number
from vsdeblur.settings.files import Coding, FileSettings
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import TABLE, TRANSCODE
from vsdeblur.stores.local import LocalFiles, local_files
from vsdeblur.stores.stored import is_stored

log = logging.getLogger("vsdeblur")


@takes(TRANSCODE)
def transcode(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    factor: Number = 1,
    *,
    progress: Progress | None = None,
    **settings: Unpack[FileSettings],
) -> Report:
    """Deblur a video file and raise its rate, keeping sound, subtitles, chapters, tags, aspect, rotation and depth.

    The output appears under its name only when it is whole; what exists there is not touched before.

    Args:
        src: A path, the URL of a file in an object store, or "-" for y4m on standard input.
        dst: A path or a URL, whose ending names the container, or "-" for y4m on standard output.
        progress: Called after every output with (outputs done, outputs in all or None, seconds, bytes of memory).
        **settings: See [Settings](settings.md).

    Returns:
        What was done, and with which shutter, readout and transfer function.

    Raises:
        DeblurError: ArgumentError, InputError or MemoryBudgetError, with one line on what is wrong.
    """
    task = task_of(os.fspath(src), os.fspath(dst), {"factor": factor, **settings}, progress)
    with local_task(task, part_name(*task.segment) if task.segment else "") as (here, _):
        report = run(here, _writer(here))
    report.source, report.output = task.source, task.target
    return report


@contextmanager
def local_task(task: Task, part: str = "") -> Iterator[tuple[Task, LocalFiles]]:
    """A task, checked, with local files in place of those in stores, which the target is put into at the end.

    Args:
        task: As the user gave it.
        part: The name of the one segment that is made; empty for the whole.

    Raises:
        DeblurError: What can be known to be wrong before the source is opened, or the store at the end.
    """
    if is_stored(task.target) and not task.is_y4m:
        target_file.format_of(Path(task.target))  # before anything is copied
    with local_files(task.source, task.target, task.overwrite, part) as files:
        overwrite = task.overwrite or files.stored is not None
        here = replace(task, source=files.source, target=files.target, overwrite=overwrite)
        check_task(here)
        yield here, files


def task_of(source: str, target: str, given: Mapping[str, Any], progress: Progress | None) -> Task:
    """The task that settings as a user gave them are. Raises ArgumentError."""
    chosen = dict(given)
    refuse_unused(TRANSCODE, chosen)
    coding = {name: checked(name, chosen.pop(name, TABLE[name].default)) for name in ("fps", *Coding.__annotations__)}
    read = ReadOptions.taken_from(chosen)
    if coding["slow"] is not None:
        chosen["factor"] = coding["slow"]
    return Task(
        source=source,
        target=target,
        options=chosen,
        fps=coding["fps"],
        slow=coding["slow"] or Fraction(1),
        codec=coding["codec"],
        crf=coding["crf"],
        encoder_options=coding["encoder_options"] or {},
        overwrite=coding["overwrite"],
        resume=coding["resume"],
        strict=coding["strict"],
        segment=coding["segment"],
        map=None if coding["map"] is None else Path(coding["map"]),
        pixel_format=coding["pixel_format"],
        read=read,
        progress=progress,
        given=given,
    )


def run(task: Task, write: Callable[[Job], None]) -> Report:
    """Open the source, run a checked task by a function that writes its output, and report. Raises DeblurError."""
    report = Report(task.source, task.target)
    refuse_interlaced(task.source, task.read)
    with (
        mapping(task.map) as map_video,
        Source(task.source, task.read, strict=task.strict, warn=report.warn) as opened,
    ):
        job = Job(task, opened, report, map_video)
        write(job)
        report.frames_in = opened.frames_in
        report.errors += [error for error in opened.errors if error not in report.errors]
        report.seconds = job.elapsed
    return report


def _writer(task: Task) -> Callable[[Job], None]:
    if task.segment:
        return write_segment
    return write_resumable if task.resume else write


def check_task(task: Task) -> None:
    """Refuse what can be known to be wrong before the source is opened. Raises DeblurError."""
    if task.target != "-":
        # Segments of one target are made at the same time: none of them holds it.
        target_file.check(Path(task.target), task.source, task.overwrite, trial=task.segment is None)
        for name in remove_dead(Path(task.target).resolve().parent):
            log.warning("removed %s, which a job left that was killed", name)
    if task.map is not None:
        check_map(task.map, task.source, task.target, task.overwrite)
    if task.segment:
        number = "{}/{}".format(*task.segment)
        if task.is_y4m or task.source == "-":
            raise ArgumentError("segment", number, "left out for y4m and standard input, which cannot be joined")
        if task.resume:
            raise ArgumentError("resume", True, "left out with {segment}, which is made anew or not at all")
        kept_settings(task.given)
    if task.resume and (task.is_y4m or task.source == "-"):
        raise ArgumentError("resume", True, "left out for y4m and standard input, which cannot be taken up again")
    if task.is_y4m:
        given = {
            "codec": task.codec,
            "pixel_format": task.pixel_format,
            "crf": task.crf,
            "encoder_options": task.encoder_options or None,
        }
        for name, value in given.items():
            if value is not None:
                raise ArgumentError(name, value, "left out for y4m, which is not compressed")
