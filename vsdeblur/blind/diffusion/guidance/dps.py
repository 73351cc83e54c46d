"""Diffusion posterior sampling: one gradient step on the misfit, pulled back through the denoiser.

    u = D(x; sigma) + sigma^2 J' G A'M (v - A f(D)) / (s^2 + r^2 ||A||^2),     J = dD / dx

Like ``PiGDM`` with the covariance of the data's misfit taken as white, r^2 ||A||^2 + s^2 being its largest value: no
linear system, and a slower approach to the data. DPS itself divides by the norm of the whole misfit; a step that
depends on no sum over the picture gives a tile the same result as the whole.

References:
    Chung, Kim, McCann, Klasky and Ye: Diffusion posterior sampling for general noisy inverse problems, ICLR 2023, eq.
    16.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vsdeblur.blind.diffusion.guidance.protocol import Denoised
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


@dataclass(frozen=True, slots=True)
class DPS:
    """A ``Guidance``; see the module.

    Attributes:
        strength: Factor of the step.
    """

    strength: float = 1.0

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        """E[u | x, v], see ``Guidance``."""
        denoised = Denoised(prior, x, sigma)
        here = observation.at(denoised.mean)
        steepest = 1.0 if here.slope is None else float(here.slope.max())
        spread = observation.noise**2 + observation.highest * (steepest * prior.largest(sigma)) ** 2
        pulled = denoised.pulled_back(here.back(here.missing))
        return denoised.mean + self.strength * sigma**2 / spread * pulled
