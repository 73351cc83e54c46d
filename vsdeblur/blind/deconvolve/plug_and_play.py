"""Plug and play: any denoiser as the prior of a picture whose blur is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import extended, inside
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.operators import gram
from vsdeblur.priors.protocol import Prior
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.tensors import greatest

_QUIETEST = 0.5 / 255  # lower bound of sigma: limits the weight of the data
_LOWEST = 0.005  # of A'A: components that the blur passes less of are left to the prior
_REACH = 4  # margins: the distance to which ringing spreads from a clipped pixel
_UNDER = 0.05  # of the local contrast: by how much u may fall below the local minimum near a clipped pixel


@dataclass(frozen=True, slots=True)
class PlugAndPlay:
    """Half-quadratic splitting with a denoiser as the prox of the prior: a ``Deconvolver``.

        argmin_u  ||M (A u - v)||^2 / (2 sigma^2) + R(u)

        u = (A'MA + a_k)^-1 (A'M v + a_k z)      a_k = strength * sigma^2 / sigma_k^2
        z = D(u, sigma_k)                         sigma_k from ``first`` down to sigma, evenly in logarithm

    The u-step is a fixed number of Chebyshev steps from z with fixed bounds: the result depends on no sums over the
    picture. The margin is part of u: no boundary condition is assumed; where no pixel of v depends on u, the prior
    alone determines it.

    M leaves out those clipped pixels that A u already explains, being above v; the others are kept, for A u must reach
    v. Light lost to clipping cannot be distinguished from ringing: within four margins of a clipped pixel u stays above
    the darkest value around it.

    Attributes:
        prior: A denoiser of one picture at a time, see ``get_prior``.
        rounds: Pairs of u-step and z-step.
        steps: Chebyshev steps of each u-step.
        strength: Weight of the prior.
        first: sigma_k of the first round, in values.
        clip: The value at which v is clipped; None where it is not.

    References:
        Zhang et al. 2021 (DPIR), eq. 6.
    """

    prior: Prior
    rounds: int = 8
    steps: int = 10
    strength: float = 0.25
    first: float = 30 / 255
    clip: float | None = None

    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture.

        Args:
            v: (B, C, H, W).
            blur: Of v's size.
            sigma: Standard deviation of v's noise; at least 0.5 / 255 is assumed.

        Returns:
            (B, C, H, W).
        """
        return inside(self.with_margin(v, blur, sigma), blur)

    @torch.no_grad()
    def with_margin(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture with the light around it that reaches v.

        Args:
            v: (B, C, H, W).
            blur: Of v's size.
            sigma: Standard deviation of v's noise; at least 0.5 / 255 is assumed.

        Returns:
            (B, C, H + 2 margin, W + 2 margin).
        """
        z = extended(v, blur)
        sigma = max(sigma, _QUIETEST)
        highest = highest_eigenvalue(blur, v)
        floor = None if self.clip is None else _floor(v, blur, self.clip)
        for level in self._levels(sigma):
            a = self.strength * (sigma / level) ** 2
            kept = None if self.clip is None else ((v < self.clip) | (blur(z) < v)).to(v)

            data_gram = gram(blur, kept)

            def system(x: Tensor, a: float = a, data_gram: Callable[[Tensor], Tensor] = data_gram) -> Tensor:
                return data_gram(x) + a * x

            rhs = blur.adjoint(v if kept is None else v * kept) + a * z
            u = chebyshev(system, rhs, z, max(a, _LOWEST), highest + a, self.steps)
            z = torch.cat([self.prior(one[None], level) for one in u])
            z = z if floor is None else z.maximum(floor)
        return z

    def _levels(self, sigma: float) -> Iterator[float]:
        start = max(self.first, sigma)
        for k in range(self.rounds):
            yield start * (sigma / start) ** (k / max(self.rounds - 1, 1))


def highest_eigenvalue(blur: Blur, v: Tensor) -> float:
    """A bound for A'A: its largest row sum, for rows of A sum to 1 and are not negative.

    The negative lobes of bicubic warps raise row sums at borders by more than they raise eigenvalues (1.20 against 1.11
    for a shift of half a pixel, the worst).

    Args:
        blur: A.
        v: (B, C, H, W), of the blur's size; gives type and device alone.
    """
    return float(blur.adjoint(torch.ones_like(v[:1, :1])).max())


def _floor(v: Tensor, blur: Blur, clip: float) -> Tensor:
    """A lower bound of u, with its margin: -inf far from clipped pixels."""
    m = blur.margin
    wide = extended(v, blur)
    reached = greatest((wide >= clip).to(v), 2 * _REACH * m + 1) > 0
    if not bool(reached.any()):
        return torch.full_like(wide, -torch.inf)
    darkest, brightest = -greatest(-wide, 2 * m + 1), greatest(wide, 2 * m + 1)
    return torch.where(reached, darkest - _UNDER * (brightest - darkest), -torch.inf)
