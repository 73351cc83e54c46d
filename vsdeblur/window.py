"""The window that a chunk is solved from: its own frames and a halo of neighbours on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vsdeblur.camera.path import CameraPath


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Consecutive source frames around one chunk of the fixed grid.

    frames: (n, C, H, W) float32, linear light, nominally [0, 1], larger and negative values allowed. At the clip's ends
    the window is simply shorter: nothing is repeated or invented.
    start: the number in the clip of frames[0]. first, count: the chunk is frames[first : first + count].
    colour: how many leading channels are colour (1 or 3) and drive the motion; any further ones (alpha) follow it.
    cuts: numbers in the clip of the frames that open a scene (a cut lies just before them).
    durations: of each frame in any unit (VFR), None when all are equal.
    shutters: the open fraction of each frame's own period, None when the options' holds for all.
    usual: the period that a readout is a part of, None for the median; shown: the one that has ``factor`` outputs, None
    for each frame's own. Both in the unit of durations.
    camera: a path that the camera may have gone, by its gyroscope; pixels of the frames, mean periods from the opening
    of frames[0].
    """

    frames: Tensor
    start: int
    first: int
    count: int
    colour: int = 3
    cuts: frozenset[int] = frozenset()
    durations: tuple[float, ...] | None = None
    shutters: tuple[float, ...] | None = None
    usual: float | None = None
    shown: float | None = None
    camera: CameraPath | None = None

    @property
    def spans(self) -> tuple[float, ...]:
        """For each frame the previous period over its own (1 without VFR)."""
        if self.durations is None:
            return (1.0,) * len(self.frames)
        d = self.durations
        return (1.0, *(d[n - 1] / d[n] for n in range(1, len(d))))

    @property
    def scenes(self) -> list[tuple[int, int]]:
        """First frame and end of each run without a cut, in order."""
        count = len(self.frames)
        opening = sorted(n - self.start for n in self.cuts if 0 < n - self.start < count)
        return list(pairwise([0, *opening, count]))

    @property
    def usual_over_own(self) -> Tensor:
        """The usual period over that of each frame, (n,) float64."""
        own = torch.tensor(self.durations or (1.0,) * len(self.frames), dtype=torch.float64)
        return (own.quantile(0.5) if self.usual is None else self.usual) / own

    @property
    def shown_periods(self) -> tuple[float, ...]:
        """For each frame how many times ``factor`` outputs its period has."""
        if self.durations is None or self.shown is None:
            return (1.0,) * len(self.frames)
        return tuple(d / self.shown for d in self.durations)


def window_bounds(chunk: int, length: int, halo: int, total: int | None) -> tuple[int, int, int, int]:
    """(start, stop, first, count) of the window of chunk ``chunk`` on the fixed grid of a clip of ``total`` frames."""
    begin = chunk * length
    end = begin + length if total is None else min(begin + length, total)
    start = max(begin - halo, 0)
    stop = end + halo if total is None else min(end + halo, total)
    return start, stop, begin - start, end - begin
