"""Diffusion in latents: the posterior through a decoder, its derivatives, and how it is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.blind.test_frame import line, scene
from tests.support.gaussian import GaussianPrior
from tests.support.quality import psnr
from vsdeblur.blind import restore_frame
from vsdeblur.blind.deconvolve.unrolled import norm_bound
from vsdeblur.blind.diffusion.deconvolve import SAMPLERS, DiffusionDeconvolution, load_diffusion
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.guidance.pigdm import PiGDM
from vsdeblur.blind.diffusion.latent.autoencoder import CHANNELS, LOST, SMALLER, Autoencoder
from vsdeblur.blind.diffusion.latent.codec import decoded
from vsdeblur.blind.diffusion.latent.latent_net import LatentNet, LatentPrior
from vsdeblur.blind.diffusion.latent.observation import LatentObservation, consistent
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.sample import GuidedProcess
from vsdeblur.blind.diffusion.sampler import Sampler
from vsdeblur.blind.diffusion.split_gibbs import SplitGibbs
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError, InputError

SIZE, SIDE = (5, 5), 7
NOISE = 0.1


def observed(v: Tensor, kernel: Tensor, noise: float = NOISE) -> Observation:
    blur = UniformBlur(kernel, (v.shape[-2], v.shape[-1]))
    return Observation(v, blur, noise, linear=False, clip=None, highest=norm_bound(blur, v))


@pytest.mark.parametrize(
    ("sampler", "steps"),
    [
        (GuidedProcess(DDS(steps=30, widen=1), first=2.0, last=0.005), 80),
        (GuidedProcess(PiGDM(steps=30), first=2.0, last=0.005), 80),
        (SplitGibbs(calm=0.03, widen=1), 250),
    ],
    ids=["dds", "pigdm", "split-gibbs"],
)
def test_the_mean_is_that_of_the_posterior_through_a_linear_decoder(sampler: Sampler, steps: int) -> None:
    """u = W z with white Gaussian z: the posterior of z is known, and no noise enters the process."""
    torch.manual_seed(3)
    pixels = SIDE * SIDE
    mixing = torch.eye(pixels, dtype=torch.float64) + 0.1 * torch.randn(pixels, pixels, dtype=torch.float64)
    kernel = torch.rand(3, 3, dtype=torch.float64)
    kernel = kernel / kernel.sum()
    v = 0.25 * torch.randn(1, 1, *SIZE, dtype=torch.float64)
    white = GaussianPrior(0.0, torch.full((SIDE, SIDE // 2 + 1), 0.25**2, dtype=torch.float64))

    def decode(z: Tensor) -> Tensor:
        return (z.flatten(1) @ mixing.T).view_as(z)

    seen = observed(v, kernel)
    units = torch.eye(pixels, dtype=torch.float64).view(pixels, 1, SIDE, SIDE)
    forward = seen.blur(decode(units)).flatten(1).T
    system = forward.T @ forward / NOISE**2 + torch.eye(pixels, dtype=torch.float64) / 0.25**2
    mean = torch.linalg.solve(system, forward.T @ v.flatten() / NOISE**2)
    start = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    latent = LatentObservation.of(seen, decode, start)
    found = sampler(white, latent, start, steps, None).flatten()
    assert (found - mean).norm() < 0.05 * mean.norm()


def test_derivatives_are_those_of_the_decoder_and_adjoint() -> None:
    torch.manual_seed(0)
    codec = Autoencoder().double()
    z, e = 0.25 * torch.randn(1, CHANNELS, 5, 6).double(), torch.randn(1, CHANNELS, 5, 6).double()
    v = torch.rand(1, 3, 14, 18).double()
    seen = LatentObservation.of(observed(v, line(3, 2).double()), lambda x: decoded(codec, x, (18, 22)), z)
    here = seen.at(z)
    r = torch.randn(1, 3, 14, 18).double()
    assert float((here.forth(e) * r).sum()) == pytest.approx(float((e * here.back(r)).sum()), rel=1e-6)
    with torch.no_grad():
        ahead, behind = (seen.blur(decoded(codec, z + s * 1e-6 * e, (18, 22))) for s in (1, -1))
    slope = (ahead - behind) / 2e-6
    assert float((slope - here.forth(e)).norm()) < 0.02 * float(slope.norm())


def test_the_bound_is_above_every_gain() -> None:
    """Of J'A'A J: the power method from 40 starts, each for far more steps than the bound takes."""
    torch.manual_seed(5)
    mixing = torch.randn(12, 12).double() / 3
    v = torch.rand(1, 1, 1, 10).double()
    seen = observed(v, torch.tensor([[1.0]]).double())
    mixing = mixing[:10]
    latent = LatentObservation.of(
        seen, lambda z: (z.flatten(1) @ mixing.T).view(1, 1, 1, 10), torch.zeros(1, 12, 1, 1).double()
    )
    largest = float(torch.linalg.matrix_norm(mixing, 2)) ** 2
    assert largest < latent.highest < 2 * largest


@pytest.mark.parametrize("size", [(16, 24), (17, 22)])
def test_pictures_of_any_size_are_coded(size: tuple[int, int]) -> None:
    codec = Autoencoder()
    u = torch.rand(1, 3, *size)
    z = codec.encode(u)
    assert z.shape == (1, CHANNELS, -(-size[0] // SMALLER), -(-size[1] // SMALLER))
    assert decoded(codec, z, size).shape == u.shape


def test_what_coding_lost_comes_back_from_the_data() -> None:
    u = scene(40, 44)
    kernel = line(3, 2)
    v = UniformBlur(kernel, (36, 40))(u)
    torch.manual_seed(0)
    coarse = u + 0.015 * torch.randn_like(u)
    found = consistent(coarse, observed(v, kernel, 0.002), 0.015)
    assert psnr(found, u) > psnr(coarse, u) + 1


class Identity(nn.Module):
    """A codec that keeps pictures, in cells of pixels."""

    smaller = SMALLER

    def encode(self, u: Tensor) -> Tensor:
        return nn.functional.pixel_unshuffle(u - 0.5, SMALLER)

    def decode(self, z: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(z, SMALLER) + 0.5

    def lost(self, u: Tensor) -> float:
        return LOST


class Shrinking(nn.Module):
    """The best linear estimate of white latents."""

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1 + (sigma.view(-1, 1, 1, 1) / 0.25) ** 2)


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_blurry_picture_becomes_sharper_and_seeds_draw(method: str) -> None:
    torch.manual_seed(0)
    m = 4
    u = scene(40 + 2 * m, 48 + 2 * m)
    blur = UniformBlur(line(5, m), (40, 48))
    v = blur(u) + 0.005 * torch.randn(1, 3, 40, 48)
    restore = DiffusionDeconvolution(LatentPrior(Shrinking()), SAMPLERS[method](), 4, codec=Identity())
    truth = u[..., m:-m, m:-m]
    calm, first, again, other = (replace(restore, seed=seed)(v, blur, 0.005) for seed in (None, 4, 4, 5))
    assert psnr(calm, truth) > psnr(v, truth) + 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_by_name_with_weights_of_your_own(tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_file(LatentNet().state_dict(), tmp_path / "latent.safetensors")
    blur = UniformBlur(line(3, 2), (32, 32))
    v = blur(scene(36, 36))[0]
    given = {"estimator": lambda _: blur, "noise": 0.01, "deconvolver": "dds", "steps": 1}
    found = restore_frame(v, prior=f"latent:{tmp_path}", **given)[0]
    assert found.shape == v.shape
    named = load_diffusion("dds", prior=f"latent:{tmp_path}")
    assert named.codec is not None
    with pytest.raises(ArgumentError, match=r'prior must be .*"latent:PATH" or "diffusers:PATH"'):
        restore_frame(v, prior="latents", **given)
    with pytest.raises(ArgumentError, match="prior must be None with"):
        restore_frame(v, prior=f"latent:{tmp_path}", estimator=lambda _: blur, deconvolver="indi")
    save_file({"other": torch.ones(1)}, tmp_path / "latent.safetensors")
    with pytest.raises(InputError, match="not weights of vsdeblur train latent"):
        restore_frame(v, prior=f"latent:{tmp_path}", **given)
