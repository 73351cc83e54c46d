"""E2 on all sub-frames, for a given flow of the sharp sequence.

    E2(u) = D1(u, v) + R1(u) + D2(u, phi)

by alternation: freeze psi at u (reweighted squares); u-step, a fixed number of Chebyshev steps on the linear system

    ( lambda W'W + D2' + rho ) u = lambda W'v + rho z ;

z-step, the prior. Coupling sub-frames several instants apart beside adjacent ones is what makes few steps enough: one
step propagates as far as the longest reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.exposure import Exposure
from vsdeblur.camera.noise import QUANTISATION, noise_level
from vsdeblur.errors import ArgumentError
from vsdeblur.flow.compose import compose, invert
from vsdeblur.flow.warp import warp
from vsdeblur.operators import gram
from vsdeblur.priors import Prior
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.solver.coupling import Coupling, couple
from vsdeblur.solver.solution import Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFrameSettings:
    """How E2 is solved. Weights are relative to D2's (mu = 1), values to white = 1.

    Attributes:
        reaches: Distances in instants that D2 couples.
        rounds: Of reweighting.
        steps: Chebyshev steps of each round.
        spread: Factor below the highest eigenvalue down to which the Chebyshev steps converge.
        scale: Of psi.
        data_weight: The least and the largest lambda; noise decides between them, per pixel.
        rho: Weight of the prior's z where the noise outweighs ``misfit``. Below, z would only slow the solution down.
        misfit: The flow's own error in u_{k+1} - u_k.
        prior_gain: Noise level of the prior over that of v.
    """

    reaches: tuple[int, ...] = (1, 3)
    rounds: int = 2
    steps: int = 8
    spread: float = 100.0
    scale: float = 0.3
    data_weight: tuple[float, float] = (0.5, 50.0)
    rho: float = 0.5
    misfit: float = 2.0 / 255
    prior_gain: float = 0.5


def solve_with_flow(
    v: Tensor,
    flow: Tensor,
    exposure: Exposure,
    *,
    backward: Tensor | None = None,
    prior: Prior | None = None,
    noise: float | None = None,
    start: Tensor | None = None,
    settings: SubFrameSettings | None = None,
) -> Solution:
    """Restore v at the exposure's T instants by a given flow.

    Args:
        v: (N, C, H, W), blurry frames.
        flow: u_k -> u_{k+1}, (T-1, 2, H, W) in pixels.
        exposure: Of the T instants in the N frames.
        backward: u_{k+1} -> u_k, (T-1, 2, H, W) in pixels; None inverts ``flow``.
        prior: R1; None leaves it out.
        noise: Standard deviation of v's noise; None estimates it. At the level of 8-bit rounding the result satisfies v
            exactly, above it by the part of the residual that is not noise.
        start: (T, C, H, W); None carries v along the flow.
        settings: None for the defaults.

    Raises:
        ArgumentError: flow, backward or start has another shape.
    """
    total = exposure.instants
    _expect("flow", flow, (total - 1, 2, *v.shape[-2:]))
    if backward is None:
        backward = invert(flow)
    _expect("backward", backward, (total - 1, 2, *v.shape[-2:]))
    if start is None:
        start = carry(v, flow, backward, exposure)
    _expect("start", start, (total, *v.shape[1:]))
    settings = settings or SubFrameSettings()
    sigma = noise_level(v) if noise is None else max(noise, QUANTISATION)
    coupling = couple(flow, backward, reaches=settings.reaches, scale=settings.scale)
    return solve_e2(v, coupling, exposure, start, sigma=sigma, prior=prior, settings=settings)


def solve_e2(
    v: Tensor,
    coupling: Coupling,
    exposure: Exposure,
    start: Tensor,
    *,
    sigma: float,
    prior: Prior | None = None,
    settings: SubFrameSettings,
) -> Solution:
    """Minimise D1 + D2 (+ R1, by half-quadratic splitting).

    Args:
        v: (N, C, H, W), blurry frames.
        coupling: D2.
        exposure: Of the T instants in the N frames.
        start: (T, C, H, W).
        sigma: Standard deviation of v's noise.
        prior: R1; None leaves it out.
        settings: Weights and numbers of steps.

    Returns:
        The instants, and D1 + D2 of the start and after each round. With a prior R1 is implicit, and they may rise.
    """
    least, most = settings.data_weight
    # lambda, per frame and pixel; the start is blurred twice and lacks only part of the detail of v
    weight = (8 * wiener_weight(v - exposure(start), exposure, sigma)).clamp(least, most)
    rho = 0.0 if prior is None else settings.rho * sigma**2 / (sigma**2 + settings.misfit**2)
    highest = most * exposure.norm_squared + coupling.norm_squared + rho
    data, data_gram = exposure.adjoint(weight * v), gram(exposure, weight)

    def energy(x: Tensor) -> float:
        return exposure.energy(x, v, weight) + coupling.energy(x)

    u, energies = exposure.prox(start, v, weight), []
    energies.append(energy(u))
    for _ in range(settings.rounds):
        squares = coupling.majorised(u)
        rhs = data if prior is None else data + rho * prior(u, settings.prior_gain * sigma)

        def system(x: Tensor, squares: Coupling = squares) -> Tensor:
            return data_gram(x) + squares.gram(x) + rho * x

        u = chebyshev(system, rhs, u, highest / settings.spread, highest, settings.steps)
        energies.append(energy(u))
    if sigma <= QUANTISATION:
        return Solution(exposure.project(u, v), tuple(energies))
    last = wiener_weight(v - exposure(u), exposure, sigma).clamp(min=1e-6)
    return Solution(exposure.prox(u, v, last), tuple(energies))


def wiener_weight(residual: Tensor, exposure: Exposure, sigma: float) -> Tensor:
    """The lambda at which prox_D1 takes from each residual the part that is not noise.

    prox_D1 adds the part  lambda ||w||^2 / (1 + lambda ||w||^2)  of the residual to u. Wiener's rule for a
    residual of local power S + sigma^2 is S / (S + sigma^2), hence  lambda = S / (sigma^2 ||w||^2).

    Args:
        residual: v - W u, (N, C, H, W).
        exposure: Gives ||w||^2.
        sigma: Standard deviation of v's noise, above 0.

    Returns:
        (N, 1, H, W), 0 or more.
    """
    power = residual.square().mean(dim=1, keepdim=True)
    power = F.avg_pool2d(power, 9, stride=1, padding=4, count_include_pad=False)
    return (power - sigma**2).clamp(min=0) / (sigma**2 * exposure.norm_squared)


def carry(v: Tensor, forward: Tensor, backward: Tensor, exposure: Exposure) -> Tensor:
    """A start for every instant: the frame whose exposure is centred nearest to it, warped along the composed flow.

    Args:
        v: (N, C, H, W), blurry frames.
        forward: u_k -> u_{k+1}, (T-1, 2, H, W) in pixels.
        backward: u_{k+1} -> u_k, (T-1, 2, H, W) in pixels.
        exposure: Of the T instants in the N frames.

    Returns:
        (T, C, H, W).
    """
    centres = _centres(exposure)
    frames = []
    for k in range(exposure.instants):
        n = min(range(len(centres)), key=lambda n: abs(centres[n] - k))
        path = forward[k : centres[n]] if k < centres[n] else backward[centres[n] : k].flip(0)
        here = v[n : n + 1]
        frames.append(warp(here, compose(path, len(path))) if len(path) else here)
    return torch.cat(frames)


def _centres(exposure: Exposure) -> Sequence[int]:
    """The instant at the middle of each exposure (of its middle row)."""
    weights = exposure.weights[exposure.weights.shape[0] // 2].cpu().double()
    instants = torch.arange(exposure.instants, dtype=torch.float64)
    return [int(c) for c in (weights @ instants + 0.5).floor()]


def _expect(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(value.shape) != shape:
        raise ArgumentError(name, tuple(value.shape), f"of shape {shape}")
