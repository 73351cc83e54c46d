"""The fixed grid of chunks, and the outputs of a chunk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vsdeblur.clip.cadence import REACH
from vsdeblur.settings import Options
from vsdeblur.timing import first_shown, instant, output_count, shown_frame

if TYPE_CHECKING:
    from vsdeblur.engine.plan import Plan


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames begin .. end - 1 of a clip.

    Attributes:
        number: On the grid.
        begin: Its first frame.
        end: The frame after its last one.
        halo: Frames that its window has on either side.
        reach: Frames on either side that are read.
        total: Frames of the clip, None where it is not known to end within the reach.
    """

    number: int
    begin: int
    end: int
    halo: int
    reach: int
    total: int | None

    @property
    def window(self) -> range:
        """The frames of its window where none is a repeat."""
        return self._with(self.halo)

    @property
    def read(self) -> range:
        """The frames that it is a function of."""
        return self._with(self.reach)

    @property
    def is_last(self) -> bool:
        """Whether it ends the clip."""
        return self.end == self.total

    def outputs(self, factor: Fraction) -> range:
        """The numbers of the outputs whose instants lie within it, at ``factor`` a frame."""
        end = output_count(self.end, factor) if self.is_last else first_shown(self.end, factor)
        return range(first_shown(self.begin, factor), end)

    def _with(self, around: int) -> range:
        stop = self.end + around
        return range(max(self.begin - around, 0), stop if self.total is None else min(stop, self.total))


@dataclass(frozen=True, slots=True)
class Grid:
    """The fixed grid of chunks: a function of the arguments and the frame size alone.

    Attributes:
        length: Frames of a chunk.
        halo: Frames of a window on either side of its chunk.
        reach: Frames on either side of a chunk that are read: more than the halo where repeats are looked for.
    """

    length: int
    halo: int
    reach: int

    @classmethod
    def of(cls, plan: Plan, options: Options) -> Grid:
        """The grid that the plan and the options ask for."""
        return cls(plan.chunk, plan.halo, plan.halo + (REACH if options.detects_repeats else 0))

    def chunk(self, number: int, total: int | None) -> Chunk:
        """Chunk ``number`` of a clip; begins at its end or later where there is none of that number."""
        begin = number * self.length
        end = begin + self.length if total is None else min(begin + self.length, total)
        return Chunk(number, begin, end, self.halo, self.reach, total)

    def chunks(self, total: int) -> int:
        """The number of chunks of ``total`` frames."""
        return -(-total // self.length)


@dataclass(frozen=True, slots=True)
class Spans:
    """Chunks that are wanted, by their numbers: ranges that ascend, none over another."""

    ranges: tuple[range, ...] = (range(sys.maxsize),)

    def __contains__(self, number: int) -> bool:
        return any(number in span for span in self.ranges)

    @property
    def stop(self) -> int:
        """The number after the last of them; ``sys.maxsize`` where they go on to the end of the clip."""
        return self.ranges[-1].stop if self.ranges else 0

    def after(self, chunks: int) -> Spans:
        """The same, counted from a later chunk on."""
        moved = (range(max(one.start - chunks, 0), _earlier(one.stop, chunks)) for one in self.ranges)
        return Spans(tuple(one for one in moved if one))


ALL = Spans()


def _earlier(stop: int, chunks: int) -> int:
    return stop if stop == sys.maxsize else stop - chunks


class Shown(Protocol):
    """What a schedule says of an output; hosts know more of theirs."""

    @property
    def instant(self) -> float:
        """The instant that the output shows, in periods of the clip's frames from frame 0's timestamp."""


class Output(NamedTuple):
    """An output of a clip that has ``factor`` for every frame. instant: as in ``Shown``."""

    number: int
    instant: float


# The outputs of a chunk in order, given the open fraction of each of its frames' own durations.
type Schedule[S: Shown] = Callable[[Chunk, Callable[[int], float]], Sequence[S]]


def by_factor(options: Options) -> Schedule[Output]:
    """``options.factor`` outputs for every frame."""
    factor, readout = options.factor, options.readout

    def outputs(chunk: Chunk, shutter: Callable[[int], float]) -> list[Output]:
        return [Output(j, instant(j, factor, shutter(shown_frame(j, factor)), readout)) for j in chunk.outputs(factor)]

    return outputs
