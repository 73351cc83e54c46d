"""A whole media file, deblurred at a higher rate."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file.source import Source, seconds
from vsdeblur.filters.pyav.job import Job, Task
from vsdeblur.filters.pyav.outputs import write
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.options import parse_factor, parse_fps


def transcode(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    factor: int | float | str | Fraction = 1,
    *,
    fps: int | float | str | Fraction | None = None,
    shutter: float | str | None = None,
    transfer: str | None = None,
    preset: str = "balanced",
    prior: Any = None,
    flow: Any = None,
    scene_cuts: bool | str | Iterable[int] = True,
    device: str | None = None,
    max_memory: int | str | None = None,
    solver: str | None = None,
    out_shutter: float | str = 0,
    readout: float | str = 0,
    mode: str = "joint",
    duplicates: bool = True,
    codec: str | None = None,
    crf: float | None = None,
    encoder_options: Mapping[str, object] | None = None,
    start: float | str | Fraction | None = None,
    duration: float | str | Fraction | None = None,
    slow: int | float | str | Fraction | None = None,
    overwrite: bool = False,
    resume: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Deblur a video file and raise its rate, keeping sound, subtitles, chapters, tags, aspect, rotation and depth.

    src, dst: paths, or "-" for y4m on standard input and output; dst's ending names the container. factor, fps: as in
    :func:`deblur_frames`. shutter .. solver: as everywhere in vsdeblur; a shutter that is not given is estimated
    from places all over the file. out_shutter: the part of an output's period that it is blurred over again, in
    [0, 1] or "180deg"; 0 leaves it sharp. readout: of a rolling shutter, how much later than the first row the last one
    is exposed: a fraction of the period in [0, 1), "16ms", "telemetry" for what the file says of its camera, or "auto"
    for that or else an estimate; the output is as a global shutter would see it. mode: "joint", "frame" (each frame by
    itself) or "auto" (by itself where the motion is not to be trusted, or does not tell how a frame is blurred).
    transfer: None by the file's tags, "fit" as fitted to the clip, and by the tags where that does not tell.
    duplicates: frames that repeat the one before are found and left out, and time goes on evenly between the others;
    False takes every frame for an exposure of its own. codec: an FFmpeg encoder; None is libx264 for 8 bits, libx265
    for more, libvpx-vp9 in webm, and y4m for "-" and .y4m. crf: its quality; None is 17 for libx264, 19 for libx265, 24
    for libvpx-vp9. encoder_options: further ones, by FFmpeg's names. start, duration: seconds or "h:mm:ss", a preview.
    slow: slow motion by this factor at the source's rate; audio and data are dropped, subtitles and chapters stretched.
    overwrite: allow dst to exist. resume: keep finished segments in "dst.vsdeblur-parts" and go on from them. strict:
    end at the first damaged frame instead of noting it. progress: called after every output with (outputs done, outputs
    in all or None, seconds, bytes of memory).

    The output appears under its name only when it is whole; what exists there is not touched before.

    Returns a Report. Raises DeblurError (ArgumentError, InputError, MemoryBudgetError) with one line on what is wrong.
    """
    source, target = os.fspath(src), os.fspath(dst)
    slowness = Fraction(1) if slow is None else _slowness(slow, factor, fps)
    options = {
        "factor": factor if slow is None else slowness,
        "shutter": shutter,
        "transfer": transfer,
        "preset": preset,
        "prior": prior,
        "flow": flow,
        "scene_cuts": scene_cuts,
        "device": device,
        "max_memory": max_memory,
        "solver": solver,
        "out_shutter": out_shutter,
        "readout": readout,
        "mode": mode,
        "duplicates": duplicates,
    }
    task = Task(
        source=source,
        target=target,
        options=options,
        fps=None if fps is None else parse_fps(fps),
        slow=slowness,
        codec=codec,
        crf=crf,
        encoder_options=dict(encoder_options or {}),
        overwrite=overwrite,
        resume=resume,
        part=(seconds("start", start, positive=False), seconds("duration", duration, positive=True)),
        progress=progress,
    )
    _check(task)
    begin, length = task.part
    report = Report(source, target)
    with Source(source, start=begin, duration=length, strict=strict) as opened:
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
        given = {"codec": task.codec, "crf": task.crf, "encoder_options": task.encoder_options or None}
        for name, value in given.items():
            if value is not None:
                raise ArgumentError(name, value, "left out for y4m, which is not compressed")


def _slowness(slow: Any, factor: Any, fps: Any) -> Fraction:
    if fps is not None or parse_factor(factor) != 1:
        raise ArgumentError("slow", slow, "given without factor and fps (it sets both)")
    return parse_factor(slow)
