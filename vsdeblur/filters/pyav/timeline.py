"""When frames are shown: the source's timestamps repaired, and exact timestamps of the outputs.

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

from vsdeblur.engine.grid import Chunk
from vsdeblur.settings import Options
from vsdeblur.timing import instant, shown_frame

log = logging.getLogger("vsdeblur")

FINEST_TICK = Fraction(1, 1_000_000_000)
_FALLBACK_PERIOD = Fraction(1, 25)  # of a single frame without a duration

ROUGHLY = Fraction(19, 20)  # of the average rate: a variable-rate clip may be put on its nominal rate's grid


@dataclass(frozen=True, slots=True, eq=False)
class TimedFrame:
    """A source frame.

    Attributes:
        frame: The frame.
        time: When it is shown, seconds.
        duration: For how long.
        tick: To whose multiples the source rounded both.
    """

    frame: av.VideoFrame
    time: Fraction
    duration: Fraction
    tick: Fraction


@dataclass(frozen=True, slots=True)
class Moment:
    """One output.

    Attributes:
        time: When it is shown, seconds.
        duration: For how long.
        instant: That it shows, in source periods.
    """

    time: Fraction
    duration: Fraction
    instant: float


def timed(
    frames: Iterable[av.VideoFrame],
    rate: Fraction | None = None,
    grid: Fraction | None = None,
    warn: Callable[[str], None] = log.warning,
) -> Iterator[TimedFrame]:
    """Give every frame its time and duration, holding back one frame.

    Durations are the differences of timestamps, since the durations that demuxers report are often the nominal one.
    Missing and backward timestamps are replaced by the previous one plus a period.

    Args:
        frames: In order.
        rate: About how many there are per second, None where that is not known.
        grid: The rate that the source states. A timestamp within half a tick of its grid is moved onto it, which undoes
            the rounding of coarse containers (Matroska's millisecond) and changes nothing else.
        warn: Where remarks about timestamps go.
    """
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
        if grid and origin is not None and tick * 8 <= 1 / grid:
            exact_time = origin + round((time - origin) * grid) / grid
            if abs(exact_time - time) <= tick / 2 and (previous is None or exact_time > previous[1]):
                time = exact_time
        if previous is not None:
            duration = time - previous[1]
            yield TimedFrame(previous[0], previous[1], duration, previous[2])
            period = period or duration
        previous = frame, time, tick
    if previous is not None:
        frame, time, tick = previous
        yield TimedFrame(frame, time, period or _own_duration(frame) or _FALLBACK_PERIOD, tick)


def is_standard(rate: Fraction) -> bool:
    """Whether a rate is one that cameras have (29.97 is, the average of a variable-rate clip is not)."""
    return rate.denominator in (1, 1001) and rate.numerator <= 1_000_000


def rate_of(frames: Sequence[av.VideoFrame]) -> Fraction | None:
    """The frame rate of the first frames' timestamps: one over the median of their differences."""
    times = [frame.pts * exact(frame.time_base) for frame in frames if frame.pts is not None]
    steps = [b - a for a, b in pairwise(times) if b > a]
    return 1 / median(steps) if steps else None


def _own_duration(frame: av.VideoFrame) -> Fraction | None:
    return frame.duration * exact(frame.time_base) if frame.duration and frame.time_base else None


def exact(value: AVRational | None) -> Fraction:
    """PyAV's rational as a Fraction; 0 where there is none (or 0/0)."""
    return Fraction(value.num, value.den) if value is not None and value.den else Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTimes:
    """When the frames of a chunk are shown.

    Attributes:
        chunk: The chunk.
        frames: The frames at hand: those of the chunk, and the one before it where there is one.
        first: The number of the first of them.
        final: Whether the stream ends with the chunk.
    """

    chunk: Chunk
    frames: Sequence[TimedFrame]
    first: int
    final: bool

    def time_at(self, position: Fraction) -> Fraction:
        """The time at a position in source periods; beyond the frames the nearest period goes on."""
        n = min(max(math.floor(position) - self.first, 0), len(self.frames) - 1)
        return self.frames[n].time + (position - self.first - n) * self.frames[n].duration


class ByFactor:
    """``factor`` outputs for every source period, whatever it lasts: a variable rate stays variable."""

    def __init__(self, factor: Fraction, readout: float = 0.0) -> None:
        self.factor, self.readout = factor, readout

    def moments(self, times: ChunkTimes, shutter: Callable[[int], float]) -> list[Moment]:
        """The outputs whose instants lie within a chunk. shutter: of a frame's own period."""
        factor, moments = self.factor, []
        for j in times.chunk.outputs(factor):
            time, closes = times.time_at(j / factor), times.time_at((j + 1) / factor)
            shown = instant(j, factor, shutter(shown_frame(j, factor)), self.readout)
            moments.append(Moment(time, closes - time, shown))
        return moments


class ByRate:
    """A uniform grid of ``fps`` outputs per second from ``origin`` on, even over a variable-rate source."""

    def __init__(self, fps: Fraction, origin: Fraction, lag: Fraction) -> None:
        """A grid of outputs.

        Args:
            fps: Outputs per second.
            origin: Timestamp of the first one, seconds.
            lag: From an output's timestamp to the instant that it shows.
        """
        self.fps, self.origin, self.lag = fps, origin, lag

    def moments(self, times: ChunkTimes, shutter: Callable[[int], float]) -> list[Moment]:
        """The outputs whose instants lie within a chunk, whatever its shutter; the last does not outlast the stream."""
        chunk, shift = times.chunk, self.origin + self.lag
        frames = times.frames[chunk.begin - times.first : chunk.end - times.first]
        close = frames[-1].time + frames[-1].duration
        begin, end = math.ceil((frames[0].time - shift) * self.fps), math.ceil((close - shift) * self.fps)
        if times.final:
            end = min(end, math.floor((close - self.origin) * self.fps))
        n, moments = 0, []
        for k in range(max(begin, 0), end):
            time = self.origin + k / self.fps
            shown = time + self.lag
            while shown >= frames[n].time + frames[n].duration:
                n += 1
            position = chunk.begin + n + (shown - frames[n].time) / frames[n].duration
            moments.append(Moment(time, 1 / self.fps, float(position)))
        return moments


Schedule = ByFactor | ByRate


def schedule_of(options: Options, fps: Fraction | None, rate: Fraction | None, first: av.VideoFrame) -> Schedule:
    """Which outputs a stream has.

    Args:
        options: Its arguments.
        fps: The rate of a uniform grid, None for ``options.factor`` outputs a frame.
        rate: The source's frames per second, where they are known.
        first: The stream's first frame.
    """
    if fps is None or not rate:
        return ByFactor(options.factor, options.readout)
    origin = first.pts * exact(first.time_base) if first.pts is not None else Fraction(0)
    # As with factor 1, nothing is extrapolated where the rate stays.
    lag = Fraction(options.shutter + options.readout) / 2 / rate if fps == rate else Fraction(1, 2) / fps
    return ByRate(fps, origin, lag)


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
