"""Plug and play: any denoiser as the prior of a picture whose blur is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import extended, inside
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.priors.protocol import Prior
from vsdeblur.solver.chebyshev import chebyshev

_QUIETEST = 0.5 / 255  # noise below which the data is not trusted further
_LOWEST = 0.005  # of A'A: what the blur passes less of is left to the prior
_REACH = 4  # margins: how far rings about a clipped pixel spread
_UNDER = 0.05  # of the contrast around: how far light may fall below all that is seen near a clipped pixel


@dataclass(frozen=True, slots=True)
class PlugAndPlay:
    """argmin_u  ||M (A u - v)||^2 / (2 sigma^2) + R(u)  by half-quadratic splitting (Zhang et al. 2021, DPIR, eq. 6):

        u = (A'MA + a_k)^-1 (A'M v + a_k z)      a_k = strength * sigma^2 / sigma_k^2
        z = D(u, sigma_k)                         sigma_k from ``first`` down to sigma, evenly in logarithm

    A ``Deconvolver``. The u-step is a fixed number of Chebyshev steps from z with fixed bounds: the result depends on
    no sums over the picture. prior: of one picture at a time, see ``get_prior``.

    The margin is part of u: nothing is assumed beyond what pixels of v have seen, the prior goes on from there.
    clip: the value at which v is clipped, or None. M leaves out those clipped pixels that A u explains already, being
    above v; the others are kept, for A u must come up to v. What clipping has taken cannot be told from ringing:
    within four margins of a clipped pixel u stays above the darkest that is seen around.
    """

    prior: Prior
    rounds: int = 8
    steps: int = 10
    strength: float = 0.25
    first: float = 30 / 255
    clip: float | None = None

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The restored picture of v, blurred by ``blur``, with noise of deviation ``sigma``."""
        z = extended(v, blur)
        sigma = max(sigma, _QUIETEST)
        highest = highest_eigenvalue(blur, v)
        floor = None if self.clip is None else _floor(v, blur, self.clip)
        for level in self._levels(sigma):
            a = self.strength * (sigma / level) ** 2
            kept = None if self.clip is None else ((v < self.clip) | (blur(z) < v)).to(v)

            def system(x: Tensor, a: float = a, kept: Tensor | None = kept) -> Tensor:
                seen = blur(x)
                return blur.adjoint(seen if kept is None else seen * kept) + a * x

            rhs = blur.adjoint(v if kept is None else v * kept) + a * z
            u = chebyshev(system, rhs, z, max(a, _LOWEST), highest + a, self.steps)
            z = torch.cat([self.prior(one[None], level) for one in u])
            z = z if floor is None else z.maximum(floor)
        return inside(z, blur)

    def _levels(self, sigma: float) -> Iterator[float]:
        start = max(self.first, sigma)
        for k in range(self.rounds):
            yield start * (sigma / start) ** (k / max(self.rounds - 1, 1))


def highest_eigenvalue(blur: Blur, v: Tensor) -> float:
    """A bound for A'A: its largest row sum, for rows of A sum to 1 and are not negative.

    The negative lobes of bicubic warps raise row sums at borders by more than they raise eigenvalues (1.20 against 1.11
    for a shift of half a pixel, the worst).
    """
    return float(blur.adjoint(torch.ones_like(v[:1, :1])).max())


def _floor(v: Tensor, blur: Blur, clip: float) -> Tensor:
    """How dark u, with its margin, may be: -inf far from clipped pixels."""
    m = blur.margin
    wide = extended(v, blur)
    reached = _brightest((wide >= clip).to(v), _REACH * m) > 0
    if not bool(reached.any()):
        return torch.full_like(wide, -torch.inf)
    darkest, brightest = -_brightest(-wide, m), _brightest(wide, m)
    return torch.where(reached, darkest - _UNDER * (brightest - darkest), -torch.inf)


def _brightest(x: Tensor, reach: int) -> Tensor:
    """The largest value within ``reach`` pixels along rows and columns; one after the other, for speed."""
    along = F.max_pool2d(x, (1, 2 * reach + 1), 1, (0, reach))
    return F.max_pool2d(along, (2 * reach + 1, 1), 1, (reach, 0))
