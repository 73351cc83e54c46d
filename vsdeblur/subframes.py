"""E2 on all sub-frames, for a given flow of the sharp sequence.

    E2(u) = D1(u, v) + R1(u) + D2(u, phi)

by alternation: freeze psi at u (reweighted squares); u-step, a fixed number of Chebyshev steps on the linear system

    ( lambda W'W + D2' + rho ) u = lambda W'v + rho z ;

z-step, the prior. Coupling sub-frames several instants apart beside adjacent ones is what makes few steps enough: in
one step news travels as far as the longest reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.chebyshev import chebyshev
from vsdeblur.coupling import Coupling, compose, couple, invert
from vsdeblur.errors import ArgumentError
from vsdeblur.exposure import Exposure
from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.noise import QUANTISATION, noise_level
from vsdeblur.priors import Prior
from vsdeblur.result import Result


@dataclass(frozen=True, slots=True)
class Recipe:
    """How E2 is solved. All weights are relative to D2's (mu = 1), all values to white = 1.

    misfit: the standard deviation of u_{k+1}(x + phi_k) - u_k where the flow is right; with the noise sigma of v,
    lambda = (misfit / sigma)^2. scale: of psi. spread: highest over lowest eigenvalue that the Chebyshev steps aim at.
    rho: the pull towards the prior's z; prior_gain: the noise level that the prior is told, in sigmas of v.
    """

    reaches: tuple[int, ...] = (1, 3)
    rounds: int = 2
    steps: int = 5
    misfit: float = 2.0 / 255
    scale: float = 0.1
    spread: float = 50.0
    rho: float = 0.5
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
    recipe: Recipe | None = None,
) -> Result:
    """Restore v (N, C, H, W) at the exposure's T instants by the flow u_k -> u_{k+1}, (T-1, 2, H, W) in pixels.

    backward: u_{k+1} -> u_k; inverted from ``flow`` when not given. noise: sigma of v, estimated when not given; at the
    level of 8-bit rounding the result meets v exactly (where the exposure model can). start: (T, C, H, W); v carried
    along the flow when not given.

    Raises ArgumentError when flow, backward or start has another shape.
    """
    total = exposure.instants
    _expect("flow", flow, (total - 1, 2, *v.shape[-2:]))
    if backward is None:
        backward = invert(flow)
    _expect("backward", backward, (total - 1, 2, *v.shape[-2:]))
    if start is None:
        start = carry(v, flow, backward, exposure)
    _expect("start", start, (total, *v.shape[1:]))
    recipe = recipe or Recipe()
    sigma = noise_level(v) if noise is None else max(noise, QUANTISATION)
    coupling = couple(flow, backward, reaches=recipe.reaches, scale=recipe.scale)
    return solve_e2(v, coupling, exposure, exposure.project(start, v), sigma=sigma, prior=prior, recipe=recipe)


def solve_e2(
    v: Tensor,
    coupling: Coupling,
    exposure: Exposure,
    start: Tensor,
    *,
    sigma: float,
    prior: Prior | None = None,
    recipe: Recipe,
) -> Result:
    """Minimise D1 + D2 (+ R1, by half-quadratic splitting) from ``start``; sigma: the noise in v.

    result.energies: D1 + D2 of the start and after each round. With a prior, R1 is implicit and they may rise.
    """
    weight = (recipe.misfit / sigma) ** 2
    rho = recipe.rho if prior is not None else 0.0
    highest = weight * exposure.norm + coupling.norm + rho
    data = weight * exposure.adjoint(v)

    def energy(x: Tensor) -> float:
        return exposure.energy(x, v, weight) + coupling.energy(x)

    u, energies = start, [energy(start)]
    for _ in range(recipe.rounds):
        squares = coupling.frozen(u)
        rhs = data if prior is None else data + rho * prior(u, recipe.prior_gain * sigma)

        def system(x: Tensor, squares: Coupling = squares) -> Tensor:
            return weight * exposure.adjoint(exposure.blur(x)) + squares.apply(x) + rho * x

        u = chebyshev(system, rhs, u, highest / recipe.spread, highest, recipe.steps)
        energies.append(energy(u))
    return Result(settle(u, v, exposure, sigma, recipe.misfit), tuple(energies))


def settle(u: Tensor, v: Tensor, exposure: Exposure, sigma: float, misfit: float) -> Tensor:
    """The last word to the data: the exact projection at rounding noise, prox_D1 at lambda = (misfit / excess)^2 above.

    excess: what sigma has beyond rounding. Whatever the frozen iterations left of v - W u is put back that far.
    """
    excess = (sigma**2 - QUANTISATION**2) ** 0.5
    return exposure.project(u, v) if excess < 1e-6 else exposure.prox(u, v, (misfit / excess) ** 2)


def carry(v: Tensor, forward: Tensor, backward: Tensor, exposure: Exposure) -> Tensor:
    """Each instant's start: the frame whose exposure is centred nearest to it, carried along the composed flow."""
    centres = _centres(exposure)
    frames = []
    for k in range(exposure.instants):
        n = min(range(len(centres)), key=lambda n: abs(centres[n] - k))
        path = forward[k : centres[n]] if k < centres[n] else backward[centres[n] : k].flip(0)
        here = v[n : n + 1]
        frames.append(sample(here, sampling_grid(compose(path, len(path)))) if len(path) else here)
    return torch.cat(frames)


def _centres(exposure: Exposure) -> Sequence[int]:
    """The instant at the middle of each exposure (of its middle row)."""
    weights = exposure.weights[exposure.weights.shape[0] // 2].double()
    instants = torch.arange(exposure.instants, dtype=torch.float64, device=weights.device)
    return [int(c) for c in (weights @ instants + 0.5).floor()]


def _expect(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(value.shape) != shape:
        raise ArgumentError(name, tuple(value.shape), f"of shape {shape}")
