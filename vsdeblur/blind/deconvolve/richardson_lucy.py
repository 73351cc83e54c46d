"""Richardson-Lucy: restoration without training, for any blur."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import extended, inside
from vsdeblur.blind.operators.protocol import Blur

_DARKEST = 1e-3  # light below which a quotient is not formed
_CALM = 0.01  # slope below which total variation is smooth


@dataclass(frozen=True, slots=True)
class RichardsonLucy:
    """Richardson-Lucy iteration with total variation: a ``Deconvolver``.

        u <- u / (A'1 - variation * div(grad u / |grad u|)) * A'(v / A u)

    Attributes:
        steps: Iterations. They bound the noise: sigma is not used.
        variation: Weight of the total variation; 0 leaves it out.
        clip: The value at which v is clipped; None where it is not. A clipped pixel is a lower bound: its quotient is 1
            where A u is above v already (Whyte et al. 2014, with a hard limit).

    References:
        Richardson 1972, Lucy 1974; Tai et al. 2011, eq. 8, for projective A; Dey et al. 2006, eq. 13, for the total
        variation.
    """

    steps: int = 60
    variation: float = 0.0
    clip: float | None = None

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float = 0.0) -> Tensor:
        """The sharp picture.

        Args:
            v: (B, C, H, W).
            blur: Of v's size.
            sigma: Not used.

        Returns:
            (B, C, H, W), 0 or more.
        """
        u = extended(v, blur).clamp_(min=_DARKEST)
        v = v.clamp(min=0)
        seen = blur.adjoint(torch.ones_like(v))
        unrecorded = (1 - seen).clamp_(min=0)  # share of light that no pixel of v records: u is kept there
        for _ in range(self.steps):
            blurry = blur(u).clamp_(min=_DARKEST)
            ratio = v / blurry
            if self.clip is not None:
                ratio = torch.where((v >= self.clip) & (blurry >= v), 1.0, ratio)
            share = seen + unrecorded
            if self.variation:
                share = (share - self.variation * curvature(u)).clamp_(min=0.1)
            u = ((blur.adjoint(ratio) + unrecorded) * u / share).clamp_(min=0)
        return inside(u, blur)


def curvature(u: Tensor) -> Tensor:
    """div(grad u / |grad u|) of each picture, the gradient's length over all channels.

    Args:
        u: (B, C, H, W).

    Returns:
        (B, C, H, W), per pixel.
    """
    across, down = torch.zeros_like(u), torch.zeros_like(u)
    across[..., :-1] = u.diff(dim=-1)
    down[..., :-1, :] = u.diff(dim=-2)
    length = (across.square() + down.square()).sum(1, keepdim=True).add_(_CALM**2).sqrt_()
    across /= length
    down /= length
    out = across + down
    out[..., 1:] -= across[..., :-1]
    out[..., 1:, :] -= down[..., :-1, :]
    return out
