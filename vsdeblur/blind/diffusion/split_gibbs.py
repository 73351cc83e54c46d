"""Split Gibbs sampling: the picture of the data and the picture of the prior, tied to each other and drawn in turns.

    p(u, z | v)  ~  exp(-||M (v - A f(u))||^2 / 2 s^2  -  ||u - z||^2 / 2 rho^2)  p(z)

    u ~ p(u | z, v):  a Gaussian, drawn exactly by a linear system with noise in its right side,
                      argmin_u  ||M (v + s n - A f(u))||^2 / s^2  +  ||u - z - rho n'||^2 / rho^2
    z ~ p(z | u):     what a picture may be that shows u under noise of deviation rho, as the prior has it,
                      N(D(u; rho), C(rho))

As rho falls, both come to p(u | v). For one rho it is a Markov chain, which mixes the more slowly the smaller rho is:
so rho is annealed. No likelihood of a noisy state has to be guessed, which every guidance of the reverse process does.
z is drawn at once, by one evaluation of the prior and noise of its covariance: a reverse process from rho down in few
steps loses variance, a quarter of it in four, under Gaussian priors. Means in place of both draws are half-quadratic
splitting, as in plug and play.

Of latents, both u and z are latents, and v is seen through the linearised decoder. A tie between pictures would ask
for p(z) exp(-||u - G(z)||^2 / 2 rho^2), which is no denoising of latents, and the prior could not draw from it.

References:
    Vono, Dobigeon and Chainais: Split-and-augmented Gibbs sampler, IEEE Transactions on Signal Processing 2019.
    Papandreou and Yuille: Gaussian sampling by local perturbations, NeurIPS 2010: the noise in the right side.
    Pereyra, Vargas-Mieles and Zygalakis: The split Gibbs sampler revisited, SIAM Journal on Imaging Sciences 2023.
    Coeurdoux, Dobigeon and Chainais: Plug-and-play split Gibbs sampler, IEEE Transactions on Image Processing 2024.
    Wu et al.: Principled probabilistic imaging using diffusion models as plug-and-play priors, NeurIPS 2024: annealed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from vsdeblur.blind.diffusion.observation import Linearised, Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior
from vsdeblur.blind.diffusion.sampler import Noises
from vsdeblur.blind.diffusion.schedule import noise_levels

FIRST, LAST = 0.1, 0.02  # rho
CALM, WIDEN = 0.01, 2.0  # of constant rho 0.01 to 0.02 and of 1 to 3, these restored four photographs best


@dataclass(frozen=True, slots=True)
class SplitGibbs:
    """A ``Sampler``; see the module.

    Attributes:
        first: rho of the first turn.
        last: rho of the last turn, at most ``first``.
        calm: rho of all turns where nothing is drawn. The mean does not have to forget the start, which is near it.
        widen: Factor of rho in the u-step where nothing is drawn. At edges D errs by more than C, so that u has to
            leave z by more; where z is drawn, noise of such a tie would be more than the prior takes away.
        steps: Chebyshev steps of each u.
    """

    first: float = FIRST
    last: float = LAST
    calm: float = CALM
    widen: float = WIDEN
    steps: int = 8

    def __call__(
        self, prior: DiffusionPrior, observation: Observation, start: Tensor, steps: int, noises: Noises | None
    ) -> Tensor:
        """E[u | z, v] for the last z, see ``Sampler``."""
        if noises is None:
            return self._mean(prior, observation, start, steps)
        z = start
        levels = noise_levels(self.first, min(self.last, self.first), steps)
        for turn, rho in enumerate(levels):
            u = self._drawn(z, observation, rho, turn, noises)
            z = prior(u, rho) + prior.root(noises.state(z, 2 * turn + 1), rho)
        return self._expected(z, observation.at(z), levels[-1])

    def _mean(self, prior: DiffusionPrior, observation: Observation, start: Tensor, steps: int) -> Tensor:
        z = start
        for _ in range(steps):
            z = prior(self._expected(z, observation.at(z), self.widen * self.calm), self.calm)
        return self._expected(z, observation.at(z), self.calm)

    def _expected(self, z: Tensor, here: Linearised, rho: float) -> Tensor:
        """E[u | z, v]."""
        return z + rho * here.whitened_change(lambda e: rho * e, rho, self.steps)

    def _drawn(self, z: Tensor, observation: Observation, rho: float, turn: int, noises: Noises) -> Tensor:
        """A draw of p(u | z, v)."""
        here = observation.at(z)
        astray = rho * noises.state(z, 2 * turn)
        missing = here.missing + observation.noise * noises.data(here.missing, turn) - here.forth(astray)
        return self._expected(z + astray, replace(here, missing=missing), rho)
