"""When frames are shown: exact timestamps of the outputs.

Times are Fractions of a second throughout, so that nothing drifts; they become ticks of a time base at the very end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from vsdeblur.engine.grid import Chunk
from vsdeblur.filters.pyav.stamps import TimedFrame, exact
from vsdeblur.settings import Options
from vsdeblur.timing import instant, shown_frame

ROUGHLY = Fraction(19, 20)  # of the average rate: a variable-rate clip may be put on its nominal rate's grid


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
