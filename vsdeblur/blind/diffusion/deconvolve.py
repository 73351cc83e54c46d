"""Diffusion samplers as restoration with a known blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import extended, inside
from vsdeblur.blind.deconvolve.unrolled import norm_bound, started
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.guidance.dps import DPS
from vsdeblur.blind.diffusion.guidance.pigdm import PiGDM
from vsdeblur.blind.diffusion.guidance.protocol import Guidance
from vsdeblur.blind.diffusion.noise import PlacedNoise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior, load_diffusion_prior
from vsdeblur.blind.diffusion.sample import sample
from vsdeblur.blind.diffusion.schedule import noise_levels
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.priors.pictures import as_given, colours

GUIDANCES: dict[str, Callable[[], Guidance]] = {"dds": DDS, "pigdm": PiGDM, "dps": DPS}
STEPS = 20
FIRST, LAST = 0.3, 0.005  # deviations of the noise
_QUIETEST = 0.5 / 255  # lower bound of the data's noise


@dataclass(frozen=True, slots=True)
class DiffusionDeconvolution:
    """A picture drawn from p(u | v): a ``Deconvolver``. The same seed gives the same picture.

    The process starts from plug and play with total variation under noise of deviation ``first``, so that few steps
    are enough.

    Attributes:
        prior: Of pictures.
        guidance: How the data enters.
        steps: Evaluations of the prior.
        seed: Of all noise.
        linear: Values are linear light, which the prior receives through a display's curve.
        clip: The value from which on v is clipped; None where it never is.
        first: Deviation of the noise at the start.
        churn: See ``sample``.
        place: (row, column) of v's first pixel in the whole picture.
    """

    prior: DiffusionPrior
    guidance: Guidance
    steps: int = STEPS
    seed: int = 0
    linear: bool = False
    clip: float | None = None
    first: float = FIRST
    churn: float = 1.0
    place: tuple[int, int] = (0, 0)

    def at(self, row: int, column: int) -> DiffusionDeconvolution:
        """The same for a tile whose first pixel lies at (row, column) of the whole picture."""
        return replace(self, place=(row, column))

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture.

        Args:
            v: (1, C, H, W); an alpha channel (C 2 or 4) stays as it is.
            blur: Of v's size.
            sigma: Standard deviation of v's noise; at least 0.5 / 255 is assumed.

        Returns:
            (1, C, H, W).
        """
        count = colours(v.shape[1])
        colour = v[:, :count].expand(-1, 3, -1, -1)
        # Three equal channels are one observation, not three.
        noise = max(sigma, _QUIETEST) * (3 / count) ** 0.5
        start = extended(started(colour, blur, max(sigma, _QUIETEST), self.clip), blur)
        start = to_smooth_display(start) if self.linear else start
        observation = Observation(colour, blur, noise, self.linear, self.clip, norm_bound(blur, colour))
        levels = noise_levels(self.first, min(LAST, self.first), self.steps)
        placed = PlacedNoise(self.seed, self.place[0] - blur.margin, self.place[1] - blur.margin)
        u = sample(self.prior, self.guidance, observation, start, levels, placed, self.churn)
        u = from_smooth_display(u) if self.linear else u
        return as_given(inside(u, blur), v)


def load_diffusion(
    method: str, weights: Path | None = None, device: torch.device | None = None
) -> DiffusionDeconvolution:
    """A sampler with trained weights.

    Args:
        method: A name in ``GUIDANCES``.
        weights: A file that ``vsdeblur train diffusion`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    return DiffusionDeconvolution(load_diffusion_prior(weights, device), GUIDANCES[method]())
