"""Pseudoinverse-guided diffusion: the gradient of the data's likelihood, pulled back through the denoiser.

    u = D(x; sigma) + sigma^2 J' G A'M (A G C G A' + s^2)^-1 (v - A f(D)),     J = dD / dx

The likelihood is that of a picture with the mean D and the covariance C. The inverse is not formed: with d of ``DDS``
the correction is sigma^2 J' C^-1 d.

References:
    Song, Vahdat, Mardani and Kautz: Pseudoinverse-guided diffusion models for inverse problems, ICLR 2023, eq. 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from vsdeblur.blind.diffusion.guidance.protocol import Denoised
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


@dataclass(frozen=True, slots=True)
class PiGDM:
    """A ``Guidance``; see the module.

    Attributes:
        steps: Chebyshev steps each time.
    """

    steps: int = 8

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        """E[u | x, v], see ``Guidance``."""
        denoised = Denoised(prior, x, sigma)
        here = observation.at(denoised.mean)
        change = here.whitened_change(partial(prior.root, sigma=sigma), prior.largest(sigma), self.steps)
        return denoised.mean + sigma**2 * denoised.pulled_back(prior.unroot(change, sigma))
