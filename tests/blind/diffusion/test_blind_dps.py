"""Picture and kernel diffused in parallel: the kernel's posterior, seeds, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from tests.blind.diffusion.test_diffusion import VariationPrior
from tests.blind.test_frame import line, scene
from vsdeblur.blind import restore_frame
from vsdeblur.blind.diffusion.blind_dps import BlindDPS
from vsdeblur.blind.diffusion.diffusion_net import DEVIATION, DiffusionNet
from vsdeblur.blind.diffusion.kernel_prior import SCALE, NetworkKernelPrior, kernel_network
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior
from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.kernel_step import ExpectedKernel, gradients, kernel_step
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError, InputError

SIZE = (48, 56)
NOISE = 0.05
TOP = 1.5  # of the kernel whose posterior is known, in the middle


@dataclass(frozen=True)
class GaussianKernels:
    """Kernels of which SCALE k is N(mean, spread^2), with their exact denoiser: a ``KernelPrior``."""

    mean: Tensor
    spread: float

    def __call__(self, y: Tensor, sigma: float) -> Tensor:
        return self.mean + self.spread**2 / (self.spread**2 + sigma**2) * (y - self.mean)

    def deviation(self, sigma: float) -> float:
        return self.spread * sigma / (self.spread**2 + sigma**2) ** 0.5


@dataclass(frozen=True)
class Known:
    """A guidance that knows the picture."""

    u: Tensor

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        return self.u.expand_as(x)


def weak_picture() -> tuple[Tensor, Tensor, Tensor]:
    """A picture of so little contrast that noise leaves its kernel open, that kernel, and the blurry picture.

    It is even near its borders, where the kernel step takes the picture for periodic.
    """
    torch.manual_seed(4)
    u = 0.5 + 0.04 * F.pad(torch.randn(1, 1, SIZE[0] - 6, SIZE[1] - 6), (4,) * 4)
    kernel = torch.tensor([[1.0, 1.2, 0.8], [1.1, TOP, 0.9], [0.7, 1.0, 0.8]]) / 9
    kernel = kernel / kernel.sum()
    return u, kernel, UniformBlur(kernel, SIZE)(u) + NOISE * torch.randn(1, 1, *SIZE)


def posterior_mean(u: Tensor, v: Tensor, prior: GaussianKernels) -> Tensor:
    """argmin_k  || Dv - k Du ||^2 / (2 s^2) + || SCALE k - mean ||^2 / spread^2, by its normal equations."""
    slopes = gradients(v)[0].reshape(-1)
    full = gradients(u)
    columns = [full[0, :, y : y + SIZE[0], x : x + SIZE[1]].reshape(-1) for y in range(3) for x in range(3)]
    a = torch.stack(columns, 1).double()
    weight, pull = 1 / (2 * NOISE**2), (SCALE / prior.spread) ** 2
    system = weight * a.T @ a + pull * torch.eye(9, dtype=torch.float64)
    right = weight * a.T @ slopes.double() + pull * prior.mean.flatten().double() / SCALE
    return torch.linalg.solve(system, right).view(3, 3).float()


def test_the_kernel_is_the_mean_of_its_posterior() -> None:
    """With a Gaussian prior, where the picture is known; the data moves the kernel well away from the prior's mean."""
    u, _, v = weak_picture()
    mean = SCALE * torch.full((3, 3), 1 / 9)
    prior = GaussianKernels(mean, 1.0)
    found = BlindDPS(
        VariationPrior(DiffusionNet((8, 8, 8))),
        prior,
        Known(u),
        steps=60,
        slack=1.0,
        kernel_levels=(20.0, 0.01),
        finer=1,
    ).diffused(v, Poses(torch.full((1, 3, 3), 1 / 9), SIZE), NOISE)
    expected = posterior_mean(u, v, prior)
    expected = expected / expected.sum()  # as densities are
    kernel = found.blur.kernels(torch.tensor([[28, 24]]))[0]
    moved = (expected - mean / SCALE).norm()
    assert float(moved) > 0.02
    assert float((kernel - expected).norm()) < 0.05 * float(moved)


def test_a_certain_kernel_is_kept_and_an_uncertain_one_fitted() -> None:
    torch.manual_seed(0)
    u = scene(SIZE[0] + 8, SIZE[1] + 8).mean(1, keepdim=True)
    true, other = line(5, 4), line(5, 4).T.contiguous()
    v = UniformBlur(true, SIZE)(u)
    patches = Patches.over(SIZE, 1)
    start = Poses(torch.full((1, 9, 9), 1 / 81), SIZE)
    slopes = patches.cut(gradients(u), 4), patches.cut(gradients(v))
    certain, open_ = (
        kernel_step(*slopes, start, patches, ExpectedKernel(other, weight)).blur.kernels(torch.tensor([[28, 24]]))[0]
        for weight in (1e6, 1e-3)
    )
    assert float((certain - other).abs().sum()) < 0.1
    assert float((open_ - true).abs().sum()) < 0.3


def test_seeds_and_none() -> None:
    u = scene(64 + 8, 72 + 8).mean(1, keepdim=True)
    v = UniformBlur(line(5, 4), (64, 72))(u)
    begin = Alternation(3, rounds=1)
    torch.manual_seed(1)
    estimate = BlindDPS(
        VariationPrior(DiffusionNet((8, 8, 8))), NetworkKernelPrior(kernel_network()), steps=2, begin=begin
    )
    points = torch.tensor([[36, 32]])
    blurs = [replace(estimate, seed=seed)(v) for seed in (3, 3, 4, None, None)]
    assert {blur.size for blur in blurs} == {(64, 72)}
    first, again, other, calm, still = (blur.kernels(points) for blur in blurs)
    assert torch.equal(first, again)
    assert torch.equal(calm, still)
    assert first.shape != other.shape or not torch.equal(first, other)
    assert first.shape != calm.shape or not torch.equal(first, calm)


def test_the_network_removes_noise_from_kernels_of_any_size() -> None:
    """Untrained, it is the best linear estimate of white kernels; 31 pixels are no multiple of its strides."""
    prior = NetworkKernelPrior(kernel_network())
    y = torch.rand(1, 1, 31, 31)
    assert torch.allclose(prior(y, 1e-3), y, atol=1e-4)
    assert float(prior(y, 50.0).detach().abs().max()) < 1e-3
    assert prior.deviation(0.01) < prior.deviation(0.1) < prior.share * DEVIATION


def test_by_name_with_weights_and_a_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``seed`` is taken with a deconvolver that draws nothing, and reaches the estimator."""
    seeds: list[int | None] = []

    def still(self: BlindDPS, v: Tensor) -> UniformBlur:
        seeds.append(self.seed)
        return UniformBlur(torch.ones(1, 1), (v.shape[-2], v.shape[-1]))

    monkeypatch.setattr(BlindDPS, "__call__", still)
    torch.manual_seed(2)
    save_file(kernel_network().state_dict(), tmp_path / "kernel-prior.safetensors")
    picture = torch.rand(3, 64, 64)
    for given in ({"seed": 7}, {}):
        assert torch.equal(restore_frame(picture, estimator=f"blind-dps:{tmp_path}", **given)[0], picture)
    assert seeds == [7, None]
    for bad in (-1, 1.5):
        with pytest.raises(ArgumentError, match="seed must be a whole number"):
            restore_frame(picture, estimator="blind-dps", seed=bad)
    with pytest.raises(ArgumentError, match="draws nothing"):
        restore_frame(picture, estimator="blind-dps", deconvolver="plug-and-play", steps=3)
    save_file({"other": torch.ones(1)}, tmp_path / "kernel-prior.safetensors")
    with pytest.raises(InputError, match="not weights of vsdeblur train kernel-prior"):
        restore_frame(picture, estimator=f"blind-dps:{tmp_path}")
