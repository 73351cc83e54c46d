"""Decomposed diffusion sampling: the denoised picture corrected by a few steps of a linear solver.

    u = D(x; sigma) + d,     d = argmin  || M (v - A f(D) - A G d) ||^2 / s^2 + d' C^-1 d

The Jacobian of D is taken as C / sigma^2, which it is by Tweedie's formula; so the network is evaluated, never
differentiated. Any blur with an adjoint will do.

References:
    Chung, Lee and Ye: Decomposed diffusion sampler for accelerating large-scale inverse problems, ICLR 2024
    (arXiv 2303.05754), with Chebyshev's steps in the place of conjugate gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


@dataclass(frozen=True, slots=True)
class DDS:
    """A ``Guidance``; see the module.

    Attributes:
        steps: Chebyshev steps each time.
    """

    steps: int = 8

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        """E[u | x, v], see ``Guidance``."""
        with torch.no_grad():
            mean = prior(x, sigma)
            root = partial(prior.root, sigma=sigma)
            here = observation.at(mean)
            return mean + root(here.whitened_change(root, prior.largest(sigma), self.steps))
