"""The value that instants are rendered from: one solved window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.project import foreground_weight
from vsdeblur.flow.resolution import downsampled_rows, upsampled
from vsdeblur.solver.data_weights import DataWeights


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SolvedWindow:
    """A solved window: its key frames, the blurry frames that they were solved from, their motion and timing.

    Attributes:
        keys: (n, C, H, W), the key frames K_n.
        frames: (n, C, H, W), the blurry frames v_n.
        motion: Of the same n frames.
        start: Number in the clip of frame 0.
        shutters: For each frame the open fraction of its period.
        spans: For each frame the previous period over its own.
        cuts: Numbers in the clip of the frames that open a scene.
        taus: For each frame the instants of its exposure's quadrature, in periods from its middle.
        band: Rows rendered at once; changes memory, not the result.
        workers: Bands that are rendered at once, see ``vsdeblur.at_once``; changes memory, not the result.
        delays: (n, H) float64, how much later each row of a frame is exposed, in periods of the frame; None for a
            global shutter (see ``vsdeblur.camera.rolling``).
        joint: (n, 1, h, w) in [0, 1], the share of keys and frames that is the joint solution; the rest was restored
            frame by frame, or is a clipped light, and is not projected on the exposure. None for 1 everywhere.
        lights: (n, 1, h, w) in [0, 1], the share that is a clipped light; None without any.
        white: The level above which key frames hold lights that clipped; None without any.
        data_weights: Weights of the exposures by their noise.
        noise: Deviation of the frames' noise, display values; where the learned step at instants asks for it.
        splat_weights: (n, 2, h, w), the weight of a point that is carried towards the next (0) and the previous (1)
            key frame, where several arrive at one place.
        scale: Pixels of the frame per point of the motion, along a side.
        late: The delays of the rows of the motion, (n, 1, h, 1), on the device; None for a global shutter.
    """

    keys: Tensor
    frames: Tensor
    motion: Motion
    start: int
    shutters: tuple[float, ...]
    spans: tuple[float, ...]
    cuts: frozenset[int]
    taus: tuple[tuple[float, ...], ...]
    band: int
    workers: int = 1
    delays: Tensor | None = None
    joint: Tensor | None = None
    lights: Tensor | None = None
    white: float | None = None
    data_weights: DataWeights = field(default_factory=DataWeights)
    noise: float = 0.0
    splat_weights: Tensor = field(init=False)
    scale: int = field(init=False)
    late: Tensor | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "splat_weights", self.motion.occlusion * foreground_weight(self.motion.path))
        object.__setattr__(self, "scale", self.motion.scale(*self.size))
        object.__setattr__(self, "late", None if self.delays is None else self._late(self.delays))

    def _late(self, delays: Tensor) -> Tensor:
        # Once for all instants, and in float32 everywhere: accelerators may lack float64.
        late, device = downsampled_rows(delays[:, None, :, None], self.scale), self.frames.device
        return late.to(device, torch.float32)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        return self.frames.shape[-2], self.frames.shape[-1]

    @property
    def colour(self) -> int:
        """The number of channels that are colour: of 2 and 4 the last one is alpha."""
        channels = self.frames.shape[1]
        return channels - (channels + 1) % 2

    def opens_scene(self, n: int) -> bool:
        """Whether there is a cut just before frame n."""
        return self.start + n in self.cuts

    def path(self, n: int) -> Tensor:
        """The path of frame n, (1, 4 or 6, h, w), as ``Motion.path``."""
        return self.motion.path[n : n + 1]

    def upsampled(self, field: Tensor, rows: slice, columns: slice | None = None) -> Tensor:
        """Rows of a field (B, C, h, w) of the motion's resolution, at that of the frame; all columns where None."""
        return upsampled(field, self.scale, self.size, rows, columns)

    def by_bands(self, render: Callable[[slice], None], rows: slice | None = None) -> None:
        """Call ``render`` for ``rows``, or all of them, in slices of at most ``band``, several of them at once."""
        first, last = (rows.start, rows.stop) if rows else (0, self.size[0])
        bands = [slice(y, min(y + self.band, last)) for y in range(first, last, self.band)]
        deque(at_once(render, bands, self.workers), maxlen=0)
