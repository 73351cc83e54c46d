"""Samplers under Gaussian priors, whose posteriors are known: mean and covariance, without sampling error.

With a Gaussian prior a sample is an affine function of the noises of all steps. So the noises of a batch are unit
vectors, one of one step each, and the covariance is the sum of what they make, squared. Guidance is affine in the state
too: the matrix of each step is found once and serves the whole batch. The steps are many: those of a process that takes
the mean picture for the picture lose variance, 16% with 40 steps, half as much with twice as many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from tests.support.gaussian import GaussianPrior
from vsdeblur.blind.deconvolve.unrolled import norm_bound
from vsdeblur.blind.diffusion.deconvolve import DiffusionDeconvolution
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.guidance.pigdm import PiGDM
from vsdeblur.blind.diffusion.guidance.protocol import Guidance
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.sample import GuidedProcess, sample
from vsdeblur.blind.diffusion.sampler import Noises
from vsdeblur.blind.diffusion.schedule import noise_levels
from vsdeblur.blind.diffusion.split_gibbs import SplitGibbs
from vsdeblur.blind.estimate.restored import RestoredExpectation
from vsdeblur.blind.operators.uniform import UniformBlur

SIZE, SIDE = (5, 5), 7
NOISE = 0.1


@dataclass(frozen=True)
class Affine:
    """A guidance by its matrix."""

    guidance: Guidance

    def __call__(self, prior: GaussianPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        pixels = x[0].numel()
        units = torch.cat((torch.eye(pixels, dtype=x.dtype), torch.zeros(1, pixels, dtype=x.dtype))).view(
            -1, *x.shape[1:]
        )
        given = replace(observation, v=observation.v[:1].expand(len(units), -1, -1, -1))
        found = self.guidance(prior, units, sigma, given).flatten(1)
        return (x.flatten(1) @ (found[:-1] - found[-1]) + found[-1]).view_as(x)


def blur() -> UniformBlur:
    torch.manual_seed(1)
    kernel = torch.rand(3, 3, dtype=torch.float64)
    return UniformBlur(kernel / kernel.sum(), SIZE)


def prior(coloured: bool) -> GaussianPrior:
    down, right = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)[None]
    square = (down.square() + right.square()).double()
    return GaussianPrior(0.5, 0.25**2 / (1 + 40 * square) if coloured else torch.full_like(square, 0.25**2))


def observed(of: Tensor, noise: float = NOISE) -> Observation:
    a = blur()
    return Observation(of, a, noise, linear=False, clip=None, highest=norm_bound(a, of[:1]))


@pytest.fixture(scope="module")
def v() -> Tensor:
    torch.manual_seed(3)
    return 0.5 + 0.25 * torch.randn(1, 1, *SIZE, dtype=torch.float64)


@pytest.mark.parametrize(
    ("guidance", "coloured", "steps"),
    [(DDS(steps=8, widen=1), True, 200), (PiGDM(steps=8), False, 120)],
    ids=["dds", "pigdm"],
)
def test_mean_and_covariance_are_those_of_the_posterior(
    guidance: Guidance, coloured: bool, steps: int, v: Tensor
) -> None:
    gaussian = prior(coloured)
    mean, covariance = gaussian.posterior(v, blur(), NOISE)
    found, columns = spread_by_noise(gaussian, guidance, v, steps)
    assert (found - mean).norm() < 0.05 * (mean - 0.5).norm()
    error = columns.T @ columns - covariance
    assert error.norm() < 0.05 * covariance.norm()
    assert abs(float(error.trace())) < 0.05 * float(covariance.trace())


def spread_by_noise(gaussian: GaussianPrior, guidance: Guidance, v: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The mean (n,) of samples, and what each unit of noise adds to it (steps * n, n)."""
    pixels = SIDE * SIDE
    count = steps * pixels + 1

    def noise(like: Tensor, step: int) -> Tensor:
        units = torch.zeros(count, pixels, dtype=like.dtype)
        units[step * pixels : (step + 1) * pixels] = torch.eye(pixels, dtype=like.dtype)
        return units.view_as(like)

    start = torch.full((count, 1, SIDE, SIDE), 0.5, dtype=torch.float64)
    levels = noise_levels(1.0, 0.005, steps)
    u = sample(gaussian, Affine(guidance), observed(v.expand(count, -1, -1, -1)), start, levels, noise).flatten(1)
    return u[-1], u[:-1] - u[-1]


@pytest.mark.parametrize("coloured", [False, True])
def test_split_gibbs_draws_from_the_posterior(coloured: bool, v: Tensor) -> None:
    gaussian = prior(coloured)
    mean, covariance = gaussian.posterior(v, blur(), NOISE)
    found, columns = spread_by_turns(gaussian, SplitGibbs(first=0.3, last=0.03), v, 40)
    assert (found - mean).norm() < 0.05 * (mean - 0.5).norm()
    error = columns.T @ columns - covariance
    assert error.norm() < 0.05 * covariance.norm()
    assert abs(float(error.trace())) < 0.05 * float(covariance.trace())


def spread_by_turns(gaussian: GaussianPrior, sampler: SplitGibbs, v: Tensor, turns: int) -> tuple[Tensor, Tensor]:
    """As ``spread_by_noise``: two noises of pictures in each turn, and behind them one of v."""
    pixels, seen = SIDE * SIDE, v.numel()
    count = turns * (2 * pixels + seen) + 1

    def units(first: int, like: Tensor) -> Tensor:
        rows = torch.zeros(count, like[0].numel(), dtype=like.dtype)
        rows[first : first + rows.shape[1]] = torch.eye(rows.shape[1], dtype=like.dtype)
        return rows.view_as(like)

    noises = Noises(
        lambda like, step: units(step * pixels, like), lambda like, step: units(2 * turns * pixels + step * seen, like)
    )
    start = torch.full((count, 1, SIDE, SIDE), 0.5, dtype=torch.float64)
    u = sampler(gaussian, observed(v.expand(count, -1, -1, -1)), start, turns, noises).flatten(1)
    return u[-1], u[:-1] - u[-1]


def test_split_gibbs_without_noise_ends_at_the_mean(v: Tensor) -> None:
    """From the picture's mean, so that all but the start has to come from v; widened, it would trust v too much."""
    gaussian = prior(coloured=True)
    mean, _ = gaussian.posterior(v, blur(), NOISE)
    start = torch.full((1, 1, SIDE, SIDE), 0.5, dtype=torch.float64)
    error, widened = (
        SplitGibbs(calm=0.03, widen=widen)(gaussian, observed(v), start, 400, None).flatten() - mean
        for widen in (1.0, 2.0)
    )
    assert error.norm() < 0.05 * (mean - 0.5).norm()
    assert widened.norm() > 0.05 * (mean - 0.5).norm()


@dataclass(frozen=True, eq=False)
class EqualChannels(GaussianPrior):
    """Pictures of three equal channels, each N(mean, S): noise of all three tells of one picture."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return super().__call__(x.mean(1, keepdim=True), sigma / 3**0.5).expand_as(x)

    def variances(self, sigma: float) -> Tensor:
        """Of the one direction in which the channels vary, (1, 1, 1) / sqrt(3)."""
        return 3 * super().variances(sigma / 3**0.5)


def test_the_expectation_step_is_the_mean_of_the_posterior(v: Tensor) -> None:
    """Of a grey picture, as estimation asks for it: without noise, from far enough that the start is forgotten."""
    known = prior(coloured=True)
    restore = DiffusionDeconvolution(
        EqualChannels(known.mean, known.spectrum), GuidedProcess(DDS(steps=8, widen=1), first=2.0), 60
    )
    mean, _ = known.posterior(v, blur(), NOISE)
    found = RestoredExpectation(restore)(v, blur(), NOISE).flatten()
    assert (found - mean).norm() < 0.05 * (mean - known.mean).norm()
