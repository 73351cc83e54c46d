"""Diffusion samplers as restoration with a known blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.protocol import inside
from vsdeblur.blind.deconvolve.unrolled import START, norm_bound
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.guidance.dps import DPS
from vsdeblur.blind.diffusion.guidance.pigdm import PiGDM
from vsdeblur.blind.diffusion.latent.codec import Codec, decoded
from vsdeblur.blind.diffusion.latent.latent_net import load_latent
from vsdeblur.blind.diffusion.latent.observation import LatentObservation, consistent
from vsdeblur.blind.diffusion.noise import PlacedNoise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior, load_diffusion_prior
from vsdeblur.blind.diffusion.sample import GuidedProcess
from vsdeblur.blind.diffusion.sampler import Noises, Sampler
from vsdeblur.blind.diffusion.split_gibbs import SplitGibbs
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.named import match_named, resolve_named
from vsdeblur.priors.pictures import as_given, colours

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "dds": lambda: GuidedProcess(DDS()),
    "pigdm": lambda: GuidedProcess(PiGDM()),
    "dps": lambda: GuidedProcess(DPS()),
    "split-gibbs": SplitGibbs,
}
STEPS = 10
_QUIETEST = 0.5 / 255  # lower bound of the data's noise
_OF_DATA = 1 << 62  # makes another seed of one


@dataclass(frozen=True, slots=True)
class DiffusionDeconvolution:
    """A picture drawn from p(u | v), or nearly its mean: a ``Deconvolver``. The same seed gives the same picture.

    The process starts from plug and play with total variation, so that few steps are enough.

    Attributes:
        prior: Of pictures.
        sampler: The process.
        steps: Evaluations of the prior.
        seed: Of all noise; None draws none, which leads to one picture near the mean of all samples.
        linear: Values are linear light, which the prior receives through a display's curve.
        clip: The value from which on v is clipped; None where it never is.
        start: Makes the picture that the process starts from.
        place: (row, column) of v's first pixel in the whole picture.
        codec: In whose latents the process runs, and which the prior is of; None for pictures.
    """

    prior: DiffusionPrior
    sampler: Sampler
    steps: int = STEPS
    seed: int | None = None
    linear: bool = False
    clip: float | None = None
    start: PlugAndPlay = START
    place: tuple[int, int] = (0, 0)
    codec: Codec | None = None

    def at(self, row: int, column: int) -> DiffusionDeconvolution:
        """The same for a tile whose first pixel lies at (row, column) of the whole picture."""
        return replace(self, place=(row, column))

    def with_steps(self, steps: int) -> DiffusionDeconvolution:
        """The same with that many evaluations of the prior."""
        return replace(self, steps=steps)

    def with_seed(self, seed: int) -> DiffusionDeconvolution:
        """The same with other noise."""
        return replace(self, seed=seed)

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
        u = self.with_margin(v[:, : colours(v.shape[1])], blur, sigma)
        return as_given(inside(u, blur), v)

    def with_margin(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture and what lies around it, without alpha.

        Args:
            v: (1, C, H, W), C 1 or 3.
            blur: Of v's size.
            sigma: Standard deviation of v's noise.

        Returns:
            (1, 3, H + 2 margin, W + 2 margin); of a ``LayeredBlur`` of P planes (P, ...).
        """
        level = max(sigma, _QUIETEST)
        colour = v.expand(-1, 3, -1, -1)
        start = replace(self.start, clip=self.clip).with_margin(colour, blur, level)
        start = to_smooth_display(start) if self.linear else start
        # Three equal channels are one observation, not three.
        level *= (3 / v.shape[1]) ** 0.5
        observation = Observation(colour, blur, level, self.linear, self.clip, norm_bound(blur, colour))
        u = self._sampled(observation, start)
        return from_smooth_display(u) if self.linear else u

    def _sampled(self, observation: Observation, start: Tensor) -> Tensor:
        """The picture of display values, with its margin, that the process around ``start`` ends with."""
        if self.codec is None:
            return self.sampler(self.prior.fitted(start), observation, start, self.steps, self._noises(observation, 1))
        decode = partial(decoded, self.codec, size=(start.shape[-2], start.shape[-1]))
        z = self.codec.encode(start)
        seen = LatentObservation.of(observation, decode, z)
        noises = self._noises(observation, self.codec.smaller)
        found = decode(self.sampler(self.prior, seen, z, self.steps, noises))
        return consistent(found, observation, self.codec.lost(start))

    def _noises(self, observation: Observation, smaller: int) -> Noises | None:
        """Where noise comes from, for states with so many pixels a side to each of their values."""
        if self.seed is None:
            return None
        row, column = ((n - observation.blur.margin) // smaller for n in self.place)
        return Noises(PlacedNoise(self.seed, row, column), PlacedNoise(self.seed ^ _OF_DATA, *self.place))


def load_diffusion(
    method: str, weights: Path | None = None, device: torch.device | None = None, prior: str | None = None
) -> DiffusionDeconvolution:
    """A sampler with trained weights.

    Args:
        method: A name in ``SAMPLERS``.
        weights: A file that ``vsdeblur train diffusion`` wrote; None for the project's own.
        device: Of the network; None for the processor.
        prior: A user's network in place of the project's, see ``load_users_prior``; "latent:PATH" for the
            autoencoder and the prior of its latents that ``vsdeblur train latent`` wrote.

    Raises:
        ArgumentError: prior has none of the forms, or nothing is at its path.
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    codec: Codec | None = None
    of: DiffusionPrior
    if prior is None:
        of = load_diffusion_prior(weights, device)
    else:
        from vsdeblur.blind.diffusion.users_prior import LATENT, WANTED, load_users_prior

        if match_named(prior, LATENT) is not None:
            path = resolve_named("prior", prior, LATENT, WANTED).path
            assert path is not None  # of this form
            codec, of = load_latent(path, device)
        else:
            codec, of = load_users_prior(prior, device or torch.device("cpu"))
    return DiffusionDeconvolution(of, SAMPLERS[method](), codec=codec)
