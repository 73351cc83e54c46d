"""When frames are shown: timestamps of the source made sound, and exact timestamps for what comes out.

Times are Fractions of a second throughout, so that nothing drifts; they become ticks of a time base at the very end.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median

import av
from av.rational import AVRational

from vsdeblur.timing import instant

log = logging.getLogger("vsdeblur")

FINEST_TICK = Fraction(1, 1_000_000_000)
_FALLBACK_PERIOD = Fraction(1, 25)  # of a single frame that says nothing about its duration


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """A source frame, when it is shown and for how long (seconds), and the tick to which the source rounded."""

    frame: av.VideoFrame
    time: Fraction
    duration: Fraction
    tick: Fraction


@dataclass(frozen=True, slots=True)
class Moment:
    """One output: when it is shown, for how long (seconds), and the instant it shows in source periods."""

    time: Fraction
    duration: Fraction
    instant: float


def timed(
    frames: Iterable[av.VideoFrame],
    rate: Fraction | None = None,
    warn: Callable[[str], None] = log.warning,
) -> Iterator[Timed]:
    """Give every frame its time and duration, holding back one frame. ``rate``: the nominal one, where it is known.

    Durations are the differences of timestamps, since the durations that demuxers report are often the nominal one.
    A timestamp within one tick of a standard rate's grid is put on it: that undoes the rounding of coarse containers
    (Matroska's millisecond). Missing and backward timestamps are replaced by the previous one plus a period.
    """
    grid = rate if rate and is_standard(rate) else None
    previous: tuple[av.VideoFrame, Fraction, Fraction] | None = None
    origin: Fraction | None = None
    period = 1 / rate if rate else None
    for frame in frames:
        tick = exact(frame.time_base)
        time = frame.pts * tick if frame.pts is not None and tick else None
        if previous is None:
            origin = time = Fraction(0) if time is None else time
        else:
            last, step = previous[1], period or _own_duration(previous[0]) or _FALLBACK_PERIOD
            if time is None:
                time = last + step
            elif time <= last:
                warn(f"the timestamp at {float(time):.3f} s is not after the one before: moved on by one period")
                time = last + step
        if grid and origin is not None and tick * 4 <= 1 / grid:
            exact_time = origin + round((time - origin) * grid) / grid
            time = exact_time if abs(exact_time - time) <= tick else time
        if previous is not None:
            duration = time - previous[1]
            yield Timed(previous[0], previous[1], duration, previous[2])
            period = period or duration
        previous = frame, time, tick
    if previous is not None:
        frame, time, tick = previous
        yield Timed(frame, time, period or _own_duration(frame) or _FALLBACK_PERIOD, tick)


def is_standard(rate: Fraction) -> bool:
    """Whether a rate is one that cameras have (29.97 is, the average of a variable-rate clip is not)."""
    return rate.denominator in (1, 1001) and rate.numerator <= 1_000_000


def rate_of(frames: Sequence[av.VideoFrame]) -> Fraction | None:
    """The frame rate that the first frames' timestamps speak of: one over the median of their differences."""
    times = [frame.pts * exact(frame.time_base) for frame in frames if frame.pts is not None]
    steps = [b - a for a, b in pairwise(times) if b > a]
    return 1 / median(steps) if steps else None


def _own_duration(frame: av.VideoFrame) -> Fraction | None:
    return frame.duration * exact(frame.time_base) if frame.duration and frame.time_base else None


def exact(value: AVRational | None) -> Fraction:
    """PyAV's rational as a Fraction; 0 where there is none (or 0/0)."""
    return Fraction(value.num, value.den) if value is not None and value.den else Fraction(0)


class ByFactor:
    """``factor`` outputs for every source period, whatever it lasts: VFR stays VFR."""

    def __init__(self, factor: Fraction, shutter: float) -> None:
        self.factor, self.shutter = factor, shutter

    def moments(self, frames: Sequence[Timed], first: int, *, ends: bool, final: bool) -> Iterator[Moment]:
        """The outputs whose instants lie within ``frames``, which are numbers first.. of a run.

        ends: the run ends with them; final: so does the whole stream.
        """
        begin = math.ceil(first * self.factor - Fraction(1, 2))
        end = math.ceil((first + len(frames)) * self.factor - Fraction(1, 2))
        if ends:
            end = min(end, int((first + len(frames)) * self.factor))
        for j in range(max(begin, 0), end):
            opens, closes = Fraction(j) / self.factor, Fraction(j + 1) / self.factor
            time = _time_at(frames, opens - first)
            yield Moment(time, _time_at(frames, closes - first) - time, instant(j, self.factor, self.shutter))


class ByRate:
    """A uniform grid of ``fps`` outputs per second from ``origin`` on, even over a variable-rate source."""

    def __init__(self, fps: Fraction, origin: Fraction, lag: Fraction) -> None:
        """lag: from an output's timestamp to the instant that it shows, in seconds."""
        self.fps, self.origin, self.lag = fps, origin, lag

    def moments(self, frames: Sequence[Timed], first: int, *, ends: bool, final: bool) -> Iterator[Moment]:
        """As in :class:`ByFactor`; the last output is the last one that does not outlast the stream."""
        shift = self.origin + self.lag
        begin = math.ceil((frames[0].time - shift) * self.fps)
        close = frames[-1].time + frames[-1].duration
        end = math.ceil((close - shift) * self.fps)
        if final:
            end = min(end, math.floor((close - self.origin) * self.fps))
        n = 0
        for k in range(max(begin, 0), end):
            time = self.origin + k / self.fps
            shown = time + self.lag
            while shown >= frames[n].time + frames[n].duration:
                n += 1
            position = first + n + (shown - frames[n].time) / frames[n].duration
            yield Moment(time, 1 / self.fps, float(position))


Schedule = ByFactor | ByRate


def _time_at(frames: Sequence[Timed], position: Fraction) -> Fraction:
    """The time at a position in source periods from frames[0]; beyond either end the nearest period goes on."""
    n = min(max(math.floor(position), 0), len(frames) - 1)
    return frames[n].time + (position - n) * frames[n].duration


def common_tick(*steps: Fraction) -> Fraction:
    """The longest tick that all of ``steps`` are multiples of, or a nanosecond where that would be shorter."""
    numerator, denominator = 0, 1
    for step in steps:
        numerator = math.gcd(numerator * step.denominator, step.numerator * denominator)
        denominator *= step.denominator
        common = math.gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
    tick = Fraction(numerator, denominator)
    return tick if tick >= FINEST_TICK and tick.denominator < 2**31 and tick.numerator < 2**31 else FINEST_TICK


def ticks(time: Fraction, tick: Fraction) -> int:
    """The nearest tick; halves go up, so that equal steps stay equal."""
    return math.floor(time / tick + Fraction(1, 2))
