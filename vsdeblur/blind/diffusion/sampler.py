"""The protocol of samplers: the process that leads from a start to a picture of p(u | v)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from vsdeblur.blind.diffusion.noise import Noise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


@dataclass(frozen=True, slots=True)
class Noises:
    """Where a sampler takes its noise from.

    Attributes:
        state: Noise of pictures u, or of their latents where these are sampled.
        data: Noise of v.
    """

    state: Noise
    data: Noise


class Sampler(Protocol):
    """Draws from p(u | v), as far as prior and sampler are right."""

    def __call__(
        self, prior: DiffusionPrior, observation: Observation, start: Tensor, steps: int, noises: Noises | None
    ) -> Tensor:
        """A picture.

        Args:
            prior: Of u.
            observation: v.
            start: (B, C, H + 2 margin, W + 2 margin), display values that the process begins with.
            steps: Evaluations of the prior, 1 or more.
            noises: Of each step; None for a picture near the mean of all, without any.

        Returns:
            Of start's shape.
        """
        ...
