"""The protocol of restoration with a known blur, and the margin that all of them use."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur, LayeredBlur
from vsdeblur.errors import ArgumentError


class Deconvolver(Protocol):
    """Restoration of a picture whose blur is known. v may be clipped: see the ``clip`` of each implementation."""

    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture.

        Args:
            v: (1, C, H, W), values as they are.
            blur: Of that size.
            sigma: Standard deviation of v's noise, in the units of v.

        Returns:
            (1, C, H, W).
        """
        ...


@runtime_checkable
class PlacedDeconvolver(Deconvolver, Protocol):
    """One whose result depends on where in the picture a tile lies."""

    def at(self, row: int, column: int) -> Self:
        """The same for a tile whose first pixel lies at (row, column) of the whole picture."""
        ...


@runtime_checkable
class SamplingDeconvolver(Deconvolver, Protocol):
    """One that draws its result, in steps that can be chosen; the same seed gives the same picture."""

    def with_steps(self, steps: int) -> Self:
        """The same with that many evaluations of its network, 1 or more."""
        ...

    def with_seed(self, seed: int) -> Self:
        """The same with another seed, 0 or more."""
        ...


def extended(v: Tensor, blur: Blur) -> Tensor:
    """v with the blur's margin on every side, its edge pixels repeated.

    Args:
        v: (B, C, H, W).
        blur: Of v's size.

    Returns:
        (B, C, H + 2 margin, W + 2 margin); of a ``LayeredBlur`` of P planes (B * P, ...), the same for each plane.

    Raises:
        ArgumentError: v is not of the blur's size.
    """
    if v.ndim != 4 or (v.shape[-2], v.shape[-1]) != blur.size:
        raise ArgumentError("v", tuple(v.shape), f"pictures (B, C, H, W) of the blur's size {blur.size}")
    m = blur.margin
    u = F.pad(v, (m, m, m, m), mode="replicate")
    return u.repeat_interleave(blur.count, 0) if isinstance(blur, LayeredBlur) else u


def inside(u: Tensor, blur: Blur) -> Tensor:
    """The picture of u, without the margin; planes composed.

    Args:
        u: (B, C, H + 2 margin, W + 2 margin), or (B * P, ...) for P planes.
        blur: Of the picture's size.

    Returns:
        (B, C, H, W).
    """
    if isinstance(blur, LayeredBlur):
        return blur.compose(u)
    m = blur.margin
    return u[..., m : m + blur.size[0], m : m + blur.size[1]]
