"""vsdeblur for PyAV: a filter over video frames, and a whole file at once.

    from vsdeblur.filters.pyav import deblur_frames, transcode

    for frame in deblur_frames(container.decode(video=0), factor=4):
        ...
    report = transcode("blurry.mp4", "sharp.mp4", factor=4)

Everything is decoded and encoded by the FFmpeg inside of PyAV; the codecs use threads of their own, so decoding and
encoding overlap with the solving without any here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av

from vsdeblur.errors import ArgumentError
from vsdeblur.filters import _target
from vsdeblur.filters._job import Job, Task
from vsdeblur.filters._report import Progress, Report, eta
from vsdeblur.filters._source import Source, seconds
from vsdeblur.filters._timeline import (
    ByFactor,
    ByRate,
    Schedule,
    common_tick,
    exact,
    is_standard,
    rate_of,
    ticks,
    timed,
)
from vsdeblur.filters._windows import Settings, restore_frames
from vsdeblur.options import Options, is_time, parse_factor, parse_fps, parse_options

__all__ = ["Progress", "Report", "deblur_frames", "eta", "transcode"]

_FIRST_LOOK = 3  # frames from which the rate is taken, where it is asked for


def deblur_frames(
    frames: Iterable[av.VideoFrame],
    factor: int | float | str | Fraction = 1,
    *,
    fps: int | float | str | Fraction | None = None,
    rate: Fraction | int | None = None,
    **options: Any,
) -> Iterator[av.VideoFrame]:
    """Deblur a stream of frames and raise its rate: ``factor`` frames for every one, in time with their timestamps.

    frames: decoded progressive frames in order, of any format with plain samples (8 to 16 bit, half or float; YUV, RGB,
    gray, with or without alpha). They are read as they are needed; one window of them is held. factor: 1 to 16, or
    ``fps`` for a uniform grid of that rate (59.94 means 60000/1001). rate: the source's, where it is known; else the
    first timestamps tell. options: shutter, transfer, preset, prior, flow, scene_cuts, device, max_memory, quadrature,
    solver, out_shutter, readout, mode, duplicates, as everywhere in vsdeblur; a shutter that is not given is estimated
    for each chunk by itself.

    Yields floor(N * factor) frames of the same format, tags and sample aspect ratio, with exact ``pts`` and
    ``time_base``. Durations are those of the source's timestamps, so a variable rate stays variable. A change of size
    or format in mid-stream ends the window there and is logged.

    Raises ArgumentError at once for a bad argument, and on the way InputError for interlaced frames and for formats
    that cannot be processed.
    """
    wanted = None if fps is None else parse_fps(fps)
    known = None if rate is None else Fraction(rate)
    checked = None
    if known or not _needs_rate(options, wanted):
        checked = _frame_options(factor, wanted, known, options)
    return _deblurred(iter(frames), factor, wanted, known, checked, options)


def _deblurred(
    frames: Iterator[av.VideoFrame],
    factor: Any,
    fps: Fraction | None,
    rate: Fraction | None,
    checked: Options | None,
    options: Mapping[str, Any],
) -> Iterator[av.VideoFrame]:
    head = list(islice(frames, _FIRST_LOOK))
    if not head:
        return
    grid = rate if rate and is_standard(rate) else None
    rate = rate or rate_of(head)
    parsed = checked or _frame_options(factor, fps, rate, options)
    tick = exact(head[0].time_base) or Fraction(1, 90_000)
    schedule: Schedule = ByFactor(parsed.factor, parsed.shutter, parsed.readout)
    unit = (common_tick(tick, 1 / grid) if grid else tick) / parsed.factor.numerator
    if fps is not None and rate:
        origin = head[0].pts * tick if head[0].pts is not None else Fraction(0)
        lag = Fraction(parsed.shutter + parsed.readout) / 2 / rate if fps == rate else Fraction(1, 2) / fps
        schedule = ByRate(fps, origin, lag)
        unit = common_tick(tick, 1 / fps)
    unit = common_tick(unit)
    for item in restore_frames(timed(chain(head, frames), rate, grid), Settings(parsed, schedule)):
        frame = item.frame
        frame.pts, frame.time_base = ticks(item.time, unit), unit
        frame.duration = ticks(item.time + item.duration, unit) - frame.pts
        yield frame


def _needs_rate(options: Mapping[str, Any], fps: Fraction | None) -> bool:
    times = (options.get("shutter"), options.get("readout"))
    return fps is not None or any(is_time(time) for time in times)


def _frame_options(factor: Any, fps: Fraction | None, rate: Fraction | None, options: Mapping[str, Any]) -> Options:
    if fps is None:
        return parse_options(rate=rate, factor=factor, **options)
    return parse_options(rate=rate, fps_num=fps.numerator, fps_den=fps.denominator, **options)


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
        job.run()
        report.frames_in, report.errors = opened.frames_in, opened.errors
        report.seconds = job.elapsed
    return report


def _check(task: Task) -> None:
    """What can be known to be wrong before the source is opened."""
    if task.target != "-":
        _target.check(Path(task.target), task.source, task.overwrite)
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
