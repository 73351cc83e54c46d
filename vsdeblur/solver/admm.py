"""E1 = D1 + R1 by ADMM: the exposure model and a prior alone, without motion; the baseline to compare E2 with.

The repeated blurry frames already satisfy D1 and are clean to any denoiser, so ADMM hardly departs from them: the
result depends on the start, and a better one is needed.
"""

from __future__ import annotations

from torch import Tensor

from vsdeblur.camera.exposure import Exposure
from vsdeblur.priors import Prior
from vsdeblur.solver.solution import Solution


def solve_e1(
    v: Tensor,
    exposure: Exposure,
    prior: Prior,
    start: Tensor,
    *,
    data_weight: float,
    sigma: float,
    steps: int = 20,
    watched: bool = True,
) -> Solution:
    """Minimise E1 by ADMM from z = start, y = 0.

        u = prox_D1(z - y);   z = prior(u + y, sigma);   y += u - z

    Args:
        v: (N, C, H, W), blurry frames.
        exposure: Of the T instants in the N frames.
        prior: The denoiser whose prox is R1's.
        start: (T, C, H, W).
        data_weight: lambda of D1, relative to the quadratic term of ADMM (lambda / rho).
        sigma: Noise level of the prior, in the units of v.
        steps: Iterations.
        watched: Whether energies are computed; an accelerator is waited for at each.

    Returns:
        The last u, which satisfies D1 to the degree that lambda sets, and the energies, none unless watched: D1(z) +
        R1(z) where the prior has an ``energy(u, sigma)``, D1(z) alone where it is implicit.
    """
    regulariser = getattr(prior, "energy", None)

    def energy(x: Tensor) -> float:
        explicit = float(regulariser(x, sigma)) if regulariser is not None else 0.0
        return exposure.energy(x, v, data_weight) + explicit

    z, y = start, start.new_zeros(start.shape)
    energies = [energy(z)] if watched else []
    u = z
    for _ in range(steps):
        u = exposure.prox(z - y, v, data_weight)
        z = prior(u + y, sigma)
        y = y + u - z
        if watched:
            energies.append(energy(z))
    return Solution(u, tuple(energies))
