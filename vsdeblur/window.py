"""The window that a chunk is solved from: its own frames and a halo of neighbours on both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vsdeblur.camera.light import Light
    from vsdeblur.camera.overlay import Overlay
    from vsdeblur.camera.path import CameraPath


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Consecutive source frames around one chunk of the fixed grid.

    Attributes:
        frames: (n, C, H, W) float32, linear light, nominally [0, 1], larger and negative values allowed. At the clip's
            ends the window is simply shorter: nothing is repeated or invented.
        start: Number in the clip of frames[0].
        first: The chunk is frames[first : first + count].
        count: Its number of frames.
        colour: How many leading channels are colour (1 or 3) and drive the motion; any further ones (alpha) follow it.
        cuts: Numbers in the clip of the frames that open a scene (a cut lies just before them).
        durations: Of each frame in any unit (variable rate), None when all are equal.
        shutters: The open fraction of each frame's own duration, None when the options' holds for all.
        readout_period: The period that a readout is a fraction of, in the unit of durations; None for their median.
        output_period: The period that has ``factor`` outputs, in that unit; None for each frame's own.
        camera: A path that the camera may have gone, by its gyroscope: pixels of the frames, mean periods from the
            opening of frames[0].
        light: What was taken out of the frames, and is put back at the instants; None where light does not change.
        overlay: Text and the like that was taken out of the frames, and is put back at last; None without.
    """

    frames: Tensor
    start: int
    first: int
    count: int
    colour: int = 3
    cuts: frozenset[int] = frozenset()
    durations: tuple[float, ...] | None = None
    shutters: tuple[float, ...] | None = None
    readout_period: float | None = None
    output_period: float | None = None
    camera: CameraPath | None = None
    light: Light | None = None
    overlay: Overlay | None = None

    def without_frames(self) -> Window:
        """The window with pictures of no size: what else is known of it, where the pictures are of no more use."""
        return replace(self, frames=self.frames.new_empty(*self.frames.shape[:2], 0, 0))

    @property
    def spans(self) -> tuple[float, ...]:
        """For each frame the previous period over its own (1 at a constant rate)."""
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
    def readout_periods(self) -> Tensor:
        """The readout period in durations of each frame, (n,) float64."""
        own = torch.tensor(self.durations or (1.0,) * len(self.frames), dtype=torch.float64)
        return (own.quantile(0.5) if self.readout_period is None else self.readout_period) / own

    @property
    def output_periods(self) -> tuple[float, ...]:
        """The duration of each frame in output periods."""
        if self.durations is None or self.output_period is None:
            return (1.0,) * len(self.frames)
        return tuple(d / self.output_period for d in self.durations)
