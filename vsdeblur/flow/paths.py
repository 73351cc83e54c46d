"""One picture sampled along paths: its mean over the instants of an exposure, itself at one instant, the transposes.

    (S x)(p) = 1/Q sum_q x(p + sign psi(p, tau_q))

A picture is made into ``Points`` once, for all that is sampled from it; transposes are gathered in such points too. The
native kernels do this on the processor where they take the tensors, those in Triton on CUDA where they are asked for,
torch elsewhere and as the reference; all give the same numbers but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from vsdeblur import native
from vsdeblur.flow.supersample import mean_along, spread_along, supersampled, supersampled_adjoint
from vsdeblur.flow.warp import sampling_grid
from vsdeblur.native import on_gpu
from vsdeblur.tensors import constants

Sampling = Literal["bilinear", "supersampled"]
BATCH = 4


class Points(Protocol):
    """What a picture is sampled from, or what the transposes of samplings add to."""

    def mean(self, at: Instants) -> Tensor:
        """The mean of the samplings at some instants, (1, C, H, W)."""
        ...

    def spread(self, y: Tensor, at: Instants) -> None:
        """Add the transpose of the sum of the samplings, of y (1, C, H, W)."""
        ...

    def gathered(self) -> Tensor:
        """The transpose of making points from a picture, (1, C, H, W)."""
        ...


@dataclass(frozen=True, eq=False)
class Paths:
    """Paths of n key frames, and pictures as points that are sampled along them.

    Attributes:
        fields: (n, 4 or 6, H, W), ``Motion.path`` at full resolution.
        kernel: Of the samplings; "supersampled" is linear between points half a pixel apart
            (``vsdeblur.flow.supersample``), "bilinear" between pixels.
        batch: BATCH instants are sampled at once, less of them (1) by one after the other; changes memory, not the
            result, and nothing for the native kernels.
    """

    fields: Tensor
    kernel: Sampling = "supersampled"
    batch: int = BATCH

    @property
    def scale(self) -> float:
        """Points per pixel of the paths."""
        return 2.0 if self.kernel == "supersampled" else 1.0

    def at(self, n: int, taus: tuple[float, ...], sign: int = 1) -> Instants:
        """The points  x + sign * psi_n(x, tau)  for some instants."""
        return Instants(self, n, taus, sign)

    def points(self, picture: Tensor) -> Points:
        """The points of a picture (1, C, H, W)."""
        fine = self.kernel == "supersampled"
        if not self._native(picture):
            return self._planar(supersampled(picture) if fine else picture)
        values = native.finer(picture) if fine else native.interleaved(picture)
        return NativePoints(self, values, picture.shape[1])

    def no_points(self, like: Tensor) -> Points:
        """Points of zeros, as of a picture ``like`` this one (1, C, H, W)."""
        _, channels, height, width = like.shape
        if self.kernel == "supersampled":
            height, width = 2 * height - 1, 2 * width - 1
        if self._native(like):
            return NativePoints(self, like.new_zeros(height, width, native.LANES), channels)
        return self._planar(like.new_zeros(1, channels, height, width))

    def grids(self, n: int, taus: tuple[float, ...], sign: int = 1) -> Tensor:
        """Normalised sampling positions (len(taus), H, W, 2) of the points  x + sign * psi_n(x, tau)."""
        rest, velocity, bend, *jerk = self._units
        t = self.times(taus)[:, None, None, None]
        moved = torch.addcmul(rest, velocity[n : n + 1], t, value=sign)
        moved.addcmul_(bend[n : n + 1], t * t, value=sign / 2)
        return moved.addcmul_(jerk[0][n : n + 1], t * t * t, value=sign / 6) if jerk else moved

    def times(self, taus: tuple[float, ...]) -> Tensor:
        """Instants on the device of the paths, (len(taus),): few, asked for again and again, and so kept."""
        if taus not in self._times:
            self._times[taus] = constants(self.fields, taus)
        return self._times[taus]

    def _planar(self, image: Tensor) -> Points:
        by_triton = min(image.shape[2:]) > 1 and on_gpu.takes(image, self.fields)
        return (TritonPoints if by_triton else TorchPoints)(self, image)

    def _native(self, picture: Tensor) -> bool:
        return picture.shape[1] <= native.LANES and min(picture.shape[2:]) > 1 and native.takes(picture, self.fields)

    @cached_property
    def _times(self) -> dict[tuple[float, ...], Tensor]:
        return {}

    @cached_property
    def _units(self) -> list[Tensor]:
        """The identity (1, H, W, 2); velocity, acceleration and jerk (n, H, W, 2), in the units of grids."""
        height, width = self.fields.shape[-2:]
        unit = constants(self.fields, [2 / max(width - 1, 1), 2 / max(height - 1, 1)])
        rest = sampling_grid(self.fields.new_zeros(1, 2, height, width))
        parts = torch.split(self.fields, 2, dim=1)
        return [rest, *((part.permute(0, 2, 3, 1) * unit).contiguous() for part in parts)]


@dataclass(frozen=True, slots=True, eq=False)
class Instants:
    """Where points of key frame n are at some instants:  x + sign * psi_n(x, tau).

    Attributes:
        paths: Of all key frames.
        n: Number of the key frame.
        taus: Periods.
        sign: Of the displacement.
    """

    paths: Paths
    n: int
    taus: tuple[float, ...]
    sign: int = 1

    def grids(self) -> Iterator[Tensor]:
        """Sampling grids in batches (k, H, W, 2). They are made anew whenever they are used.

        Stored they would take half of the solver's memory, and making one takes a fiftieth of the time of a warp.
        """
        starts = range(0, len(self.taus), BATCH)
        return (self.paths.grids(self.n, self.taus[q : q + BATCH], self.sign) for q in starts)

    @property
    def fields(self) -> Tensor:
        """The path, (1, 4 or 6, H, W)."""
        return self.paths.fields[self.n : self.n + 1]

    def native(self) -> native.Path:
        """As the kernels of the processor take it."""
        return native.Path(self.fields, self.taus, self.sign)


@dataclass(frozen=True, slots=True, eq=False)
class TorchPoints:
    """``Points`` of any type, on any device, with gradients: image (1, C, h, w)."""

    paths: Paths
    image: Tensor

    def mean(self, at: Instants) -> Tensor:
        """As ``Points``."""
        return mean_along(self.image, at.grids())

    def spread(self, y: Tensor, at: Instants) -> None:
        """As ``Points``."""
        spread_along(y, at.grids(), self.image, one_by_one=self.paths.batch < BATCH)

    def gathered(self) -> Tensor:
        """As ``Points``."""
        return supersampled_adjoint(self.image) if self.paths.kernel == "supersampled" else self.image


@dataclass(frozen=True, slots=True, eq=False)
class TritonPoints(TorchPoints):
    """``Points`` of the kernels in Triton: the same image, sampled at all instants at once."""

    def mean(self, at: Instants) -> Tensor:
        """As ``Points``."""
        return on_gpu.mean_along(self.image, at.fields, self.paths.times(at.taus), at.sign, self.paths.scale)

    def spread(self, y: Tensor, at: Instants) -> None:
        """As ``Points``."""
        on_gpu.spread_along(y, at.fields, self.paths.times(at.taus), at.sign, self.paths.scale, self.image)


@dataclass(frozen=True, slots=True, eq=False)
class NativePoints:
    """``Points`` of the native kernels: values (h, w, LANES), the first ``channels`` of which are the picture's."""

    paths: Paths
    values: Tensor
    channels: int

    def mean(self, at: Instants) -> Tensor:
        """As ``Points``."""
        return native.mean_along(self.values, at.native(), self.paths.scale, self.channels)

    def spread(self, y: Tensor, at: Instants) -> None:
        """As ``Points``."""
        native.spread_along(y, at.native(), self.paths.scale, self.values)

    def gathered(self) -> Tensor:
        """As ``Points``."""
        return (native.coarser if self.paths.kernel == "supersampled" else native.planar)(self.values, self.channels)
