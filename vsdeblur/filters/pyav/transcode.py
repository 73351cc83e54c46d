"""A whole media file, deblurred at a higher rate."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file.interlaced import refuse_interlaced
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.job import Job, Task
from vsdeblur.filters.pyav.outputs import write
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.settings import checked
from vsdeblur.settings.engine import Number
from vsdeblur.settings.files import Coding, FileSettings
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import TABLE, TRANSCODE


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
        src: A path, or "-" for y4m on standard input.
        dst: A path, whose ending names the container, or "-" for y4m on standard output.
        progress: Called after every output with (outputs done, outputs in all or None, seconds, bytes of memory).
        **settings: See [Settings](settings.md).

    Returns:
        What was done, and with which shutter, readout and transfer function.

    Raises:
        DeblurError: ArgumentError, InputError or MemoryBudgetError, with one line on what is wrong.
    """
    source, target = os.fspath(src), os.fspath(dst)
    chosen: dict[str, Any] = {"factor": factor, **settings}
    refuse_unused(TRANSCODE, chosen)
    coding = {name: checked(name, chosen.pop(name, TABLE[name].default)) for name in ("fps", *Coding.__annotations__)}
    read = ReadOptions.taken_from(chosen)
    if coding["slow"] is not None:
        chosen["factor"] = coding["slow"]
    task = Task(
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
        pixel_format=coding["pixel_format"],
        read=read,
        progress=progress,
    )
    _check(task)
    report = Report(source, target)
    refuse_interlaced(source, task.read)
    with Source(source, task.read, strict=coding["strict"], warn=report.warn) as opened:
        job = Job(task, opened, report)
        write(job)
        report.frames_in, report.errors = opened.frames_in, opened.errors
        report.seconds = job.elapsed
    return report


def _check(task: Task) -> None:
    """What can be known to be wrong before the source is opened."""
    if task.target != "-":
        target_file.check(Path(task.target), task.source, task.overwrite)
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
