"""A stream of PyAV video frames, deblurred at a higher rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain, islice
from typing import Any

import av

from vsdeblur.filters.pyav.timeline import (
    common_tick,
    exact,
    is_standard,
    rate_of,
    schedule_of,
    ticks,
    timed,
)
from vsdeblur.filters.pyav.windows import Settings, restore_frames
from vsdeblur.options import Options, is_time, parse_fps, parse_options

_RATE_FRAMES = 3  # that the rate is derived from, where it is needed


def deblur_frames(
    frames: Iterable[av.VideoFrame],
    factor: int | float | str | Fraction = 1,
    *,
    fps: int | float | str | Fraction | None = None,
    rate: Fraction | int | None = None,
    **options: Any,
) -> Iterator[av.VideoFrame]:
    """Deblur a stream of frames and raise its rate: ``factor`` frames for every one, in time with their timestamps.

    Durations are those of the source's timestamps, so a variable rate stays variable. A change of size or format in
    mid-stream ends the window there and is logged.

    Args:
        frames: Decoded progressive frames in order, of any format with plain samples (8 to 16 bit, half or float; YUV,
            RGB, gray, with or without alpha). They are read as they are needed; one window of them is held.
        factor: Output frames per source frame, 1 to 16.
        fps: Instead of factor, the rate of a uniform grid (59.94 means 60000/1001).
        rate: The source's frames per second, None for that of the first timestamps.
        options: shutter, transfer, preset, prior, flow, scene_cuts, device, max_memory, quadrature, solver,
            out_shutter, readout, mode, duplicates, as everywhere in vsdeblur; a shutter that is not given is estimated
            for each chunk by itself.

    Yields:
        floor(N * factor) frames of the same format, tags and sample aspect ratio, with exact ``pts`` and ``time_base``.

    Raises:
        ArgumentError: At once, for a bad argument.
        InputError: On the way, for interlaced frames and for formats that cannot be processed.
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
    head = list(islice(frames, _RATE_FRAMES))
    if not head:
        return
    grid = rate if rate and is_standard(rate) else None
    rate = rate or rate_of(head)
    parsed = checked or _frame_options(factor, fps, rate, options)
    tick = exact(head[0].time_base) or Fraction(1, 90_000)
    unit = (common_tick(tick, 1 / grid) if grid else tick) / parsed.factor.numerator
    if fps is not None and rate:
        unit = common_tick(tick, 1 / fps)
    unit = common_tick(unit)
    schedule = schedule_of(parsed, fps, rate, head[0])
    for item in restore_frames(timed(chain(head, frames), rate, grid), Settings(options=parsed, schedule=schedule)):
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
