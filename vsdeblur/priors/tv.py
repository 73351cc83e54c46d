"""Total variation in space and time, the prior that needs no weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.footprint import TileFootprint
from vsdeblur.named import Named
from vsdeblur.priors.differences import Differences
from vsdeblur.tensors import constants, known_zero

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class TotalVariation:
    """prox of R1(u) = strength * sigma * TV(u): argmin_x  R1(x) + ||x - u||^2 / 2.

        TV(x) = sum over pixels of |(d/dx, d/dy, time * d/dt) x|, all channels together, so that edges keep their colour

    Solved in the dual, |p| <= strength * sigma, by a fixed number of accelerated projected gradient steps, from zero in
    every call.

    Attributes:
        strength: of R1.
        time: the weight of differences in time against those in space, 0 for every frame by itself.
        steps: of the gradient ascent.

    References:
        Beck, Teboulle: Fast gradient-based algorithms for constrained total variation image denoising and deblurring
        problems, IEEE TIP 2009, section 4 (FGP).
    """

    strength: float = 0.6
    time: float = 0.5
    steps: int = 20

    @property
    def name(self) -> str:
        """What messages call it."""
        return "tv"

    @property
    def halo(self) -> int:
        """A step carries a value one pixel further."""
        return self.steps

    def footprint(self, channels: int) -> TileFootprint:
        """u, three differences each of p, q, the ascent and the step before, their squares."""
        return TileFootprint(per_frame=24 * channels)

    def __call__(self, u: Tensor, sigma: float | Tensor) -> Tensor:
        """The prox at u (T, C, H, W); sigma: also a map of it, (T, 1, H, W)."""
        level = sigma.to(u.dtype) if isinstance(sigma, Tensor) else constants(u, [sigma])[0]
        if known_zero(level) or not self.strength:
            return u.clone()
        bound = self.strength * level
        d = Differences(self.time)
        step = 1 / d.norm_squared
        p = torch.zeros(3, *u.shape, dtype=u.dtype, device=u.device)
        q, momentum = p, 1.0
        for _ in range(self.steps):
            ascent = q + step * d(u - d.adjoint(q))
            length = ascent.square().sum(dim=(0, 2), keepdim=True).sqrt_()
            previous, p = p, ascent.mul_(bound / torch.maximum(length, bound).clamp_(min=_TINY))
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            q, momentum = p + ((momentum - 1) / following) * (p - previous), following
        return u - d.adjoint(p)

    def energy(self, u: Tensor, sigma: float) -> float:
        """R1(u)."""
        return float(self.strength * sigma * Differences(self.time)(u).square().sum(dim=(0, 2)).sqrt().sum())


def load(named: Named, device: torch.device | None = None) -> TotalVariation:
    """``prior="tv"``."""
    return TotalVariation()
