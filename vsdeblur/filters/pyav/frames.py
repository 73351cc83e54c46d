"""A stream of PyAV video frames, deblurred at a higher rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain, islice
from typing import Any, Unpack

import av

from vsdeblur.filters.pyav.stamps import exact, is_standard, rate_of, timed
from vsdeblur.filters.pyav.ticks import common_tick, ticks
from vsdeblur.filters.pyav.timeline import schedule_of
from vsdeblur.filters.pyav.windows import StreamContext, restore_frames
from vsdeblur.settings import Options, checked, is_time, parse_options
from vsdeblur.settings.engine import Number
from vsdeblur.settings.hosts import StreamSettings
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import DEBLUR_FRAMES

_RATE_FRAMES = 3  # that the rate is derived from, where it is needed


@takes(DEBLUR_FRAMES)
def deblur_frames(
    frames: Iterable[av.VideoFrame],
    factor: Number = 1,
    **settings: Unpack[StreamSettings],
) -> Iterator[av.VideoFrame]:
    """Deblur a stream of frames and raise its rate: ``factor`` frames for every one, in time with their timestamps.

    Durations are those of the source's timestamps, so a variable rate stays variable. A change of size or format in
    mid-stream ends the window there and is logged.

    Args:
        frames: Decoded progressive frames in order, of any format with plain samples (8 to 16 bit, half or float; YUV,
            RGB, gray, with or without alpha). They are read as they are needed; one window of them is held.
        **settings: See [Settings](settings.md).

    Yields:
        floor(N * factor) frames of the same format, tags and sample aspect ratio, with exact ``pts`` and ``time_base``.

    Raises:
        ArgumentError: At once, for a bad argument.
        InputError: On the way, for interlaced frames (unless ``progressive``) and for formats that cannot be processed.
    """
    chosen: dict[str, Any] = {"factor": factor, **settings}
    refuse_unused(DEBLUR_FRAMES, chosen)
    fps, rate = checked("fps", chosen.get("fps")), checked("rate", chosen.pop("rate", None))
    progressive = checked("progressive", chosen.pop("progressive", False))
    needs_rate = fps is not None or any(is_time(chosen.get(name)) for name in ("shutter", "readout"))
    options = parse_options(rate=rate, **chosen) if rate or not needs_rate else None
    return _deblurred(iter(frames), fps, rate, options, progressive, chosen)


def _deblurred(
    frames: Iterator[av.VideoFrame],
    fps: Fraction | None,
    rate: Fraction | None,
    options: Options | None,
    progressive: bool,
    chosen: Mapping[str, Any],
) -> Iterator[av.VideoFrame]:
    head = list(islice(frames, _RATE_FRAMES))
    if not head:
        return
    grid = rate if rate and is_standard(rate) else None
    rate = rate or rate_of(head)
    parsed = options or parse_options(rate=rate, **chosen)
    tick = exact(head[0].time_base) or Fraction(1, 90_000)
    unit = (common_tick(tick, 1 / grid) if grid else tick) / parsed.factor.numerator
    if fps is not None and rate:
        unit = common_tick(tick, 1 / fps)
    unit = common_tick(unit)
    schedule = schedule_of(parsed, fps, rate, head[0])
    context = StreamContext(options=parsed, schedule=schedule, progressive=progressive)
    for item in restore_frames(timed(chain(head, frames), rate, grid), context):
        frame = item.frame
        frame.pts, frame.time_base = ticks(item.time, unit), unit
        frame.duration = ticks(item.time + item.duration, unit) - frame.pts
        yield frame
