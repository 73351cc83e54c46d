"""``solver="asap"``: u and its motion together, by the version of E2 whose energy provably decreases.

    J(u, phi) = F(u) + G(phi) + H(u, phi)

    F = g(u), G = g(phi)         Huber's total variation (smooth; R1 and R2)
    H = lambda/2 sum_n ||v_n - sum_k w_nk u_k||^2
      + mu/2 sum_k sum_x omega_k | S_k u_{k+1} - u_k + (grad S_k a_{k+1}) . (phi_k - b_k) |^2

H is D1 + D2 at a fixed linearisation point: S_k moves by the motion b, a is the sequence there, omega stays. It is then
quadratic in both blocks together. Alternating structure-adapted proximal gradient descent takes gradient steps on F and
G, each with a step below 1 / Lipschitz, and the proximal map of the coupling,

    u   <- prox_{tau H(., phi)}   ( u   - tau   grad F(u) )          a linear system
    phi <- prox_{sigma H(u, .)} ( phi - sigma grad G(phi) )          2 x 2 per pixel, in closed form

J decreases in every step and the iterates have finite length. A new linearisation starts another J: the guarantee holds
within a round. It holds for no other prior.

References:
    Nikolova and Tan 2019, Alternating structure-adapted proximal gradient descent.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from vsdeblur.camera.exposure import Exposure
from vsdeblur.flow.compose import invert
from vsdeblur.flow.warp import sample
from vsdeblur.priors.smooth import HuberVariation
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.solver.coupling import Link, couple
from vsdeblur.tensors import exact_sum

_STEP = 0.9  # of 1 / Lipschitz


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """J at a linearisation point.

    Attributes:
        v: (N, C, H, W), blurry frames.
        exposure: Of the T instants in the N frames.
        flow: b, (T-1, 2, H, W) in pixels.
        link: S - I and the weights omega at b.
        slopes: (2, T-1, C, H, W): central differences of S_k a_{k+1} along x and y.
        data_weight: lambda.
        mu: Weight of the coupling.
        sharp: F.
        smooth: G.
        tolerance: Relative error of the u-step's linear system.
    """

    v: Tensor
    exposure: Exposure
    flow: Tensor
    link: Link
    slopes: Tensor
    _: KW_ONLY
    data_weight: float
    mu: float
    sharp: HuberVariation
    smooth: HuberVariation
    tolerance: float = 1e-4

    @classmethod
    def at(
        cls,
        u: Tensor,
        flow: Tensor,
        v: Tensor,
        exposure: Exposure,
        *,
        data_weight: float = 20.0,
        mu: float = 1.0,
        sharp: HuberVariation | None = None,
        smooth: HuberVariation | None = None,
    ) -> Linearised:
        """J linearised at a sequence and its flow.

        Args:
            u: a, (T, C, H, W).
            flow: b, u_k -> u_{k+1}, (T-1, 2, H, W) in pixels.
            v: (N, C, H, W), blurry frames.
            exposure: Of the T instants in the N frames.
            data_weight: lambda.
            mu: Weight of the coupling.
            sharp: F; None for weight 1e-3 and Huber's threshold 0.02.
            smooth: G; None for weight 2e-4 and Huber's threshold 0.1.
        """
        link = couple(flow, invert(flow)).links[0]
        moved = sample(u[1:], link.grid)
        slopes = torch.stack([_slope(moved, axis) for axis in (-1, -2)])
        sharp = sharp or HuberVariation(1e-3, 0.02)
        smooth = smooth or HuberVariation(2e-4, 0.1)
        return cls(v, exposure, flow, link, slopes, data_weight=data_weight, mu=mu, sharp=sharp, smooth=smooth)

    def energy(self, u: Tensor, flow: Tensor) -> float:
        """J(u, phi), u (T, C, H, W) and phi (T-1, 2, H, W)."""
        residual = self.link(u) + self._carried(flow)
        coupled = self.mu / 2 * exact_sum(self.link.weight * residual.square())
        data = exact_sum((self.v - self.exposure(u)).square()) * self.data_weight / 2
        return self.sharp.energy(u) + self.smooth.energy(flow) + data + coupled

    def sharpen(self, u: Tensor, flow: Tensor) -> Tensor:
        """The step of u: a fixed number of Chebyshev steps that solve its proximal map to ``tolerance``.

        Args:
            u: (T, C, H, W).
            flow: phi, (T-1, 2, H, W).

        Returns:
            The next u.
        """
        pull = self.sharp.lipschitz / _STEP  # 1 / tau
        weight = self.mu * self.link.weight

        def system(x: Tensor) -> Tensor:
            out = self.exposure.adjoint(self.exposure(x)).mul_(self.data_weight).add_(x, alpha=pull)
            self.link.add_adjoint(weight * self.link(x), out)
            return out

        rhs = pull * u - self.sharp.gradient(u) + self.data_weight * self.exposure.adjoint(self.v)
        self.link.add_adjoint(-weight * self._carried(flow), rhs)
        highest = pull + self.data_weight * self.exposure.norm_squared + 4.5 * self.mu
        steps = math.ceil(math.sqrt(highest / pull) / 2 * math.log(2 / self.tolerance))
        return chebyshev(system, rhs, u, pull, highest, steps)

    def move(self, u: Tensor, flow: Tensor) -> Tensor:
        """The step of phi, in closed form.

        Args:
            u: (T, C, H, W).
            flow: phi, (T-1, 2, H, W).

        Returns:
            The next phi.
        """
        pull = self.smooth.lipschitz / _STEP  # 1 / sigma
        delta = flow - self.smooth.gradient(flow) / pull - self.flow
        weight = self.mu * self.link.weight
        residual = self.link(u)
        # (pull + w s s') d = pull delta - w s r, summed over channels
        x, y = self.slopes
        xx, xy, yy = ((weight * a * b).sum(1) for a, b in ((x, x), (x, y), (y, y)))
        rx, ry = ((weight * s * residual).sum(1) for s in (x, y))
        bx, by = pull * delta[:, 0] - rx, pull * delta[:, 1] - ry
        xx, yy = xx + pull, yy + pull
        determinant = xx * yy - xy * xy
        found: Tensor = self.flow + torch.stack((yy * bx - xy * by, xx * by - xy * bx), 1) / determinant[:, None]
        return found

    def _carried(self, flow: Tensor) -> Tensor:
        """slopes . (phi - b), (T-1, C, H, W)."""
        delta = flow - self.flow
        return self.slopes[0] * delta[:, :1] + self.slopes[1] * delta[:, 1:]


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A sequence and its motion, solved together.

    Attributes:
        u: (T, C, H, W).
        flow: (T-1, 2, H, W) in pixels.
        energies: For each round J at its start and after every step.
    """

    u: Tensor
    flow: Tensor
    energies: tuple[tuple[float, ...], ...]


def solve_asap(
    v: Tensor,
    exposure: Exposure,
    start: Tensor,
    flow: Tensor,
    *,
    rounds: int = 2,
    steps: int = 10,
    data_weight: float = 20.0,
    mu: float = 1.0,
) -> Joint:
    """Minimise J by ``rounds`` linearisations of ``steps`` alternating steps each.

    Args:
        v: (N, C, H, W), blurry frames.
        exposure: Of the T instants in the N frames.
        start: (T, C, H, W), the first u.
        flow: (T-1, 2, H, W) in pixels, the first phi, u_k -> u_{k+1}.
        rounds: Linearisations.
        steps: Steps of u and phi in each round.
        data_weight: lambda, as in ``Linearised.at``.
        mu: Weight of the coupling, as in ``Linearised.at``.
    """
    u, rounds_energies = start, []
    for _ in range(rounds):
        at = Linearised.at(u, flow, v, exposure, data_weight=data_weight, mu=mu)
        energies = [at.energy(u, flow)]
        for _ in range(steps):
            u = at.sharpen(u, flow)
            flow = at.move(u, flow)
            energies.append(at.energy(u, flow))
        rounds_energies.append(tuple(energies))
    return Joint(u, flow, tuple(rounds_energies))


def _slope(x: Tensor, axis: int) -> Tensor:
    """Central differences, per pixel; 0 at the first and the last."""
    return (torch.roll(x, -1, axis) - torch.roll(x, 1, axis)) / 2 * _inner(x, axis)


def _inner(x: Tensor, axis: int) -> Tensor:
    """0 along the first and the last row or column of ``axis``, 1 elsewhere: their differences would wrap around."""
    line = x.new_ones(x.shape[axis])
    line[[0, -1]] = 0
    return line if axis == -1 else line[:, None]
