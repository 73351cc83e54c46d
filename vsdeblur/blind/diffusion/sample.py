"""The reverse process: from a noisy state to a picture, step by step along falling noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.guidance.protocol import Guidance
from vsdeblur.blind.diffusion.noise import Noise, no_noise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior
from vsdeblur.blind.diffusion.sampler import Noises
from vsdeblur.blind.diffusion.schedule import noise_levels

FIRST, LAST = 0.1, 0.02  # deviations of the noise


@dataclass(frozen=True, slots=True)
class GuidedProcess:
    """The reverse process as a ``Sampler``.

    Attributes:
        guidance: How the data enters.
        first: Deviation of the noise at the start.
        last: At the end, and at most ``first``.
        churn: See ``sample``.
    """

    guidance: Guidance
    first: float = FIRST
    last: float = LAST
    churn: float = 1.0

    def __call__(
        self, prior: DiffusionPrior, observation: Observation, start: Tensor, steps: int, noises: Noises | None
    ) -> Tensor:
        """A picture, see ``Sampler``."""
        levels = noise_levels(self.first, min(self.last, self.first), steps)
        noise = no_noise if noises is None else noises.state
        return sample(prior, self.guidance, observation, start, levels, noise, self.churn)


def sample(
    prior: DiffusionPrior,
    guidance: Guidance,
    observation: Observation,
    start: Tensor,
    levels: Sequence[float],
    noise: Noise,
    churn: float = 1.0,
) -> Tensor:
    """A picture from p(u | v), as far as prior and guidance are right.

        x_0 = start + sigma_0 n
        u_k = E[u | x_k, v]
        x_k+1 by ``following``

    Args:
        prior: D and C.
        guidance: E[u | x, v].
        observation: v.
        start: (B, C, H + 2 margin, W + 2 margin), display values around which the process begins.
        levels: sigma_k, falling.
        noise: n by shape and number of the step.
        churn: Of the noise of each step, 0 (a deterministic path from x_0 on) to 1 (the reverse of the diffusion).

    Returns:
        The last u_k, of start's shape.
    """
    x = start + levels[0] * noise(start, 0)
    for step, (now, then) in enumerate(pairwise(levels), 1):
        x = following(x, guidance(prior, x, now, observation), (now, then), noise, step, churn)
    return guidance(prior, x, levels[-1], observation)


def following(
    x: Tensor,
    u: Tensor,
    levels: tuple[float, float],
    noise: Noise,
    step: int,
    churn: float = 1.0,
) -> Tensor:
    """The state at the next level of the noise.

        x_k+1 = u_k + sqrt(sigma_k+1^2 - t^2) (x_k - u_k) / sigma_k + t n
        t = churn sigma_k+1 sqrt(1 - (sigma_k+1 / sigma_k)^2)

    Args:
        x: x_k.
        u: E[u | x_k, v], of x's shape.
        levels: sigma_k and sigma_k+1, falling.
        noise: n by shape and number of the step.
        step: That number.
        churn: See ``sample``.

    References:
        Song, Meng and Ermon: Denoising diffusion implicit models, ICLR 2021, eq. 12 and 16, for noise that is added to
        pictures of constant scale (Karras et al. 2022).
    """
    now, then = levels
    fresh = churn * then * (1 - (then / now) ** 2) ** 0.5
    kept = max(then**2 - fresh**2, 0.0) ** 0.5 / now
    state = torch.lerp(u, x, kept)
    return state + fresh * noise(state, step) if fresh > 0 else state
