"""A prior with a gradient: Huber's total variation, for solvers whose convergence needs one.

    g(u) = strength * sum over pixels of h(|D u|),   h(s) = s^2 / (2 e) below e,  s - e / 2 above

D u stacks the differences along x, y and, weighed, time of all channels. The gradient is Lipschitz, and  u - grad g(u)
is a gradient-step denoiser in the sense of Hurault, Leclaire and Papadakis (ICLR 2022), with g in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vsdeblur.priors.differences import Differences
from vsdeblur.tensors import exact_sum


@dataclass(frozen=True, slots=True)
class HuberVariation:
    """strength: of g. edge: e, the slope up to which differences count as noise, in units of u. time: as in TV."""

    strength: float
    edge: float
    time: float = 0.0

    @property
    def lipschitz(self) -> float:
        """A bound on how fast the gradient changes: strength / edge * ||D||^2."""
        return self.strength / self.edge * self._differences.norm_squared

    def energy(self, u: Tensor) -> float:
        """g(u), u (T, C, H, W)."""
        length = self._differences(u).square().sum(dim=(0, 2)).sqrt()
        below = length.clamp(max=self.edge)
        return self.strength * exact_sum(below.square() / (2 * self.edge) + length - below)

    def gradient(self, u: Tensor) -> Tensor:
        """grad g(u) = strength * D' (D u / max(|D u|, e))."""
        slopes = self._differences(u)
        length = slopes.square().sum(dim=(0, 2), keepdim=True).sqrt().clamp_(min=self.edge)
        return self._differences.adjoint(slopes.div_(length)).mul_(self.strength)

    @property
    def _differences(self) -> Differences:
        return Differences(self.time)
