"""What every restoration with a known blur is, and what they share."""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.errors import ArgumentError


class Deconvolver(Protocol):
    """The sharp picture (1, C, H, W) behind v (1, C, H, W), values as they are, under a known blur of that size.

    sigma: the standard deviation of the noise in v, in the units of v. v may be clipped: see each one's ``clip``.
    """

    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The restored picture of v, blurred by ``blur``, with noise of deviation ``sigma``."""
        ...


def extended(v: Tensor, blur: Blur) -> Tensor:
    """v with the blur's margin on every side, its edge pixels repeated; for planes, the same for each.

    Raises ArgumentError for a picture that is not of the blur's size.
    """
    if v.ndim != 4 or (v.shape[-2], v.shape[-1]) != blur.size:
        raise ArgumentError("v", tuple(v.shape), f"pictures (B, C, H, W) of the blur's size {blur.size}")
    m = blur.margin
    u = F.pad(v, (m, m, m, m), mode="replicate")
    return u.repeat_interleave(blur.count, 0) if isinstance(blur, PiecewiseBlur) else u


def inside(u: Tensor, blur: Blur) -> Tensor:
    """The picture of u, without the margin; planes composed."""
    if isinstance(blur, PiecewiseBlur):
        return blur.compose(u)
    m = blur.margin
    return u[..., m : m + blur.size[0], m : m + blur.size[1]]
