"""A source's timestamps, repaired: permuted, restarted, missing and equal ones; durations are what lies between them.

Times are Fractions of a second throughout, so that nothing drifts.
"""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from statistics import median

import av
from av.rational import AVRational

log = logging.getLogger("vsdeblur")

LEAP = Fraction(3600)  # seconds: a longer step is no pause but another recording
_FALLBACK_PERIOD = Fraction(1, 25)  # of a single frame without a duration
_LOOK = 8  # frames at the start in which permuted timestamps show
_DEPTH = 16  # frames by which the times of H.264 and HEVC can be permuted at most
_STEP_BACK = Fraction(1)  # seconds: a longer step back is a new recording, whatever the rate
_WAITING = 8  # frames without a time of their own that are held back until there is one
_STANDARD = (24, 25, 30, 48, 50, 60, 100, 120, 200, 240)  # and 1000/1001 of every sixth
_NEARLY = Fraction(6, 1000)  # by which a measured rate may miss the one that was meant


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


@dataclass(frozen=True, slots=True, eq=False)
class Stamped:
    """A frame and its timestamp, seconds; None where it has none."""

    frame: av.VideoFrame
    time: Fraction | None
    tick: Fraction


def exact(value: AVRational | None) -> Fraction:
    """PyAV's rational as a Fraction; 0 where there is none (or 0/0)."""
    return Fraction(value.num, value.den) if value is not None and value.den else Fraction(0)


class Order:
    """Gives frames, which come as they are shown, their timestamps in ascending order.

    Containers without presentation times (AVI, raw streams) leave decoders nothing but the times of decoding, and these
    come permuted: every frame then takes the smallest of the times at hand. Where time starts again, or leaps by hours,
    it goes on by one period and what follows is moved along.
    """

    def __init__(self, rate: Fraction | None = None, warn: Callable[[str], None] = log.warning) -> None:
        """rate: about how many frames there are per second, None where that is not known."""
        self._warn = warn
        self._frames: deque[Stamped] = deque()
        self._times: list[Fraction] = []
        self._period = 1 / rate if rate else None
        self._depth = _LOOK
        self._looking, self._permuted = True, False
        self._offset = Fraction(0)
        self._first: Fraction | None = None
        self._last: Fraction | None = None  # the largest so far

    def push(self, frame: av.VideoFrame) -> list[Stamped]:
        """The frames whose times are known, after adding the one that is shown next."""
        tick = exact(frame.time_base)
        time = frame.pts * tick if frame.pts is not None and tick else None
        ready: list[Stamped] = []
        if time is not None:
            time += self._offset
            if self._begins_again(time):
                ready = self.flush()
                assert self._last is not None
                begins, time = time, self._last + (self._period or own_duration(frame) or _FALLBACK_PERIOD)
                self._offset += time - begins
                self._first = None
                self._warn(f"the timestamps start again at {float(time):.3f} s: what follows is moved on to there")
            if self._last is not None and time < self._last and not self._permuted:
                self._permuted, self._depth = True, _DEPTH
            elif self._last is not None and time > self._last:
                self._period = self._period or time - self._last
            self._first = time if self._first is None else self._first
            self._last = time if self._last is None else max(time, self._last)
            heapq.heappush(self._times, time)
        self._frames.append(Stamped(frame, time, tick))
        while len(self._frames) > self._depth:
            ready.append(self._pop())
            if self._looking and not self._permuted:
                self._depth = 0
            self._looking = False
        return ready

    def flush(self) -> list[Stamped]:
        """Those that were held back."""
        return [self._pop() for _ in range(len(self._frames))]

    def _pop(self) -> Stamped:
        item = self._frames.popleft()
        return item if item.time is None else Stamped(item.frame, heapq.heappop(self._times), item.tick)

    def _begins_again(self, time: Fraction) -> bool:
        if self._last is None or self._first is None:
            return False
        back = max(_STEP_BACK, (_DEPTH + 1) * (self._period or 0))
        return time - self._last > LEAP or self._last - time > back or time <= self._first < self._last


def ordered(
    frames: Iterable[av.VideoFrame], rate: Fraction | None = None, warn: Callable[[str], None] = log.warning
) -> Iterator[Stamped]:
    """``Order`` over a stream."""
    order = Order(rate, warn)
    for frame in frames:
        yield from order.push(frame)
    yield from order.flush()


def paced(rate: Fraction | None, tick: Fraction) -> Callable[[Stamped], av.VideoFrame]:
    """What puts the repaired time of a frame into it: its own, or at a rate from that of the first one on."""
    numbers = count()
    first = Fraction(0)

    def put(item: Stamped) -> av.VideoFrame:
        nonlocal first
        frame, time, unit = item.frame, item.time, item.tick
        if rate:
            n = next(numbers)
            first = time or Fraction(0) if n == 0 else first
            time, unit = first + n / rate, tick
            frame.time_base = unit
            frame.duration = 0
        if time is not None:
            frame.pts = round(time / unit)
        return frame

    return put


def timed(
    frames: Iterable[av.VideoFrame],
    rate: Fraction | None = None,
    grid: Fraction | None = None,
    warn: Callable[[str], None] = log.warning,
) -> Iterator[TimedFrame]:
    """Give every frame its time and duration, holding back a few frames.

    Durations are the differences of timestamps, since the durations that demuxers report are often the nominal one.
    Timestamps are put in order; missing, equal and nearly equal ones are spread evenly up to the next, by no more than
    a period each.

    Args:
        frames: In order.
        rate: About how many there are per second, None where that is not known.
        grid: The rate that the source states. A timestamp within half a tick of its grid is moved onto it, which undoes
            the rounding of coarse containers (Matroska's millisecond) and changes nothing else.
        warn: Where remarks about timestamps go.
    """
    said: set[str] = set()

    def once(message: str) -> None:
        if message not in said:
            said.add(message)
            warn(message)

    before: TimedFrame | None = None
    for item in _distinct(ordered(frames, rate, once), rate, grid, once):
        if before is not None:
            yield TimedFrame(before.frame, before.time, item.time - before.time, before.tick)
        before = item
    if before is not None:
        yield before


def _distinct(
    stamped: Iterable[Stamped], rate: Fraction | None, grid: Fraction | None, warn: Callable[[str], None]
) -> Iterator[TimedFrame]:
    """Frames with times that grow; the duration of each is a period."""
    period = 1 / rate if rate else None
    anchor: TimedFrame | None = None
    origin = Fraction(0)
    waiting: list[Stamped] = []

    def spread(step: Fraction) -> list[TimedFrame]:
        assert anchor is not None
        begin = anchor.time
        return [TimedFrame(item.frame, begin + n * step, step, item.tick) for n, item in enumerate(waiting, 1)]

    for item in stamped:
        if anchor is None:
            origin = item.time or Fraction(0)
            anchor = TimedFrame(item.frame, origin, period or own_duration(item.frame) or _FALLBACK_PERIOD, item.tick)
            yield anchor
            continue
        step = period or anchor.duration
        time = None if item.time is None else _on_grid(item, origin, grid)
        if time is None or time - anchor.time < min(step, Fraction(1, 30)) / 10:
            waiting.append(item)
            if time is not None:
                warn("some timestamps are equal to the one before, or nearly so: these frames are spread evenly")
            if len(waiting) > _WAITING:
                found = spread(step)
                yield from found
                anchor, waiting = found[-1], []
            continue
        period = period or (time - anchor.time) / (len(waiting) + 1)
        yield from spread(min(step, (time - anchor.time) / (len(waiting) + 1)))
        waiting = []
        anchor = TimedFrame(item.frame, time, period, item.tick)
        yield anchor
    if anchor is not None and waiting:
        yield from spread(period or anchor.duration)


def _on_grid(item: Stamped, origin: Fraction, grid: Fraction | None) -> Fraction:
    assert item.time is not None
    if not grid or item.tick * 8 > 1 / grid:
        return item.time
    near = origin + round((item.time - origin) * grid) / grid
    return near if abs(near - item.time) <= item.tick / 2 else item.time


def is_standard(rate: Fraction) -> bool:
    """Whether a rate is one that cameras have (29.97 is, the average of a variable-rate clip is not)."""
    return rate.denominator in (1, 1001) and rate.numerator <= 1_000_000


def rate_of(frames: Sequence[av.VideoFrame]) -> Fraction | None:
    """The frame rate of the first frames' timestamps: one over the median of their differences."""
    times = [frame.pts * exact(frame.time_base) for frame in frames if frame.pts is not None]
    steps = [b - a for a, b in pairwise(sorted(times)) if b > a]
    return 1 / median(steps) if steps else None


def rate_of_times(times: Iterable[Fraction]) -> Fraction | None:
    """The frame rate of timestamps that are rounded or jitter: their mean pace, pauses left out.

    A standard rate within 0.6 % is taken instead. None for fewer than two different times.

    >>> rate_of_times([Fraction(round(n * 1000 / 30), 1000) for n in range(40)])
    Fraction(30, 1)
    """
    steps = [b - a for a, b in pairwise(sorted(set(times)))]
    if not steps:
        return None
    middle = median(steps)
    usual = [step for step in steps if step <= middle * 9 / 5]  # a long one by jitter follows a short one
    rate = Fraction(len(usual) / sum(usual, Fraction(0)))
    meant = [Fraction(name) for name in _STANDARD] + [Fraction(name * 1000, 1001) for name in _STANDARD if not name % 6]
    nearest = min(meant, key=lambda other: abs(other - rate))
    return nearest if abs(nearest - rate) <= _NEARLY * rate else rate.limit_denominator(1001)


def own_duration(frame: av.VideoFrame) -> Fraction | None:
    """For how long the demuxer says that a frame is shown, seconds."""
    return frame.duration * exact(frame.time_base) if frame.duration and frame.time_base else None
