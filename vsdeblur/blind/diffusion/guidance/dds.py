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

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


@dataclass(frozen=True, slots=True)
class DDS:
    """A ``Guidance``; see the module.

    Attributes:
        steps: Chebyshev steps each time.
        widen: Factor of C^(1/2). At edges D errs by more than C, which is the same everywhere; a Jacobian would
            show it. Of 1, 1.4, 2.1 and 3.6 the third restored four pictures best.
    """

    steps: int = 8
    widen: float = 2.1

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        """E[u | x, v], see ``Guidance``."""
        with torch.no_grad():
            mean = prior(x, sigma)

            def root(e: Tensor) -> Tensor:
                return self.widen * prior.root(e, sigma)

            largest = self.widen * prior.largest(sigma)
            return mean + root(observation.at(mean).whitened_change(root, largest, self.steps))
