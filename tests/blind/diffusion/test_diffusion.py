"""Diffusion samplers on pictures: seeds, tiles, every blur, light through a curve, and how they are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.blind.test_frame import line, scene
from tests.support.quality import psnr
from vsdeblur.blind import restore_frame
from vsdeblur.blind.deconvolve.unrolled import START
from vsdeblur.blind.diffusion.deconvolve import SAMPLERS, DiffusionDeconvolution, load_diffusion
from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet, padded
from vsdeblur.blind.diffusion.em import DiffusionEM
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.noise import PlacedNoise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import NetworkPrior
from vsdeblur.blind.diffusion.sample import GuidedProcess
from vsdeblur.blind.diffusion.sampler import Noises, Sampler
from vsdeblur.blind.diffusion.schedule import noise_levels
from vsdeblur.blind.diffusion.split_gibbs import SplitGibbs
from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.restored import RestoredExpectation
from vsdeblur.blind.frame import deblurred
from vsdeblur.blind.methods import automatic_deconvolver, sampling
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.priors import TotalVariation

SIZE = (48, 56)
MARGIN = 4


@dataclass(frozen=True)
class VariationPrior(NetworkPrior):
    """Total variation in place of the network, which is not trained here."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        smooth = TotalVariation(strength=0.9, time=0.0)
        found = torch.cat([smooth(one[None].detach(), sigma) for one in x])
        return found + 0 * x  # differentiable, as the protocol says

    def fitted(self, picture: Tensor) -> VariationPrior:
        return self


def restore(**given: object) -> DiffusionDeconvolution:
    return replace(DiffusionDeconvolution(VariationPrior(DiffusionNet((8, 8, 8))), GuidedProcess(DDS())), **given)


def blurs() -> dict[str, Blur]:
    kernel = line(5, MARGIN)
    step = torch.eye(3).repeat(5, 1, 1)
    step[:, 0, 2] = torch.linspace(-2, 2, 5)
    mattes = torch.zeros(1, *SIZE)
    mattes[:, 12:30, 16:40] = 1
    return {
        "uniform": UniformBlur(kernel, SIZE),
        "flow": FilterFlow(torch.stack((kernel, line(3, MARGIN))).repeat(3, 1, 1).view(3, 2, *kernel.shape), SIZE, 56),
        "piecewise": PiecewiseBlur.along([step, torch.eye(3).repeat(5, 1, 1)], mattes, SIZE),
    }


@pytest.mark.parametrize("sampler", [GuidedProcess(DDS()), SplitGibbs()], ids=["dds", "split-gibbs"])
@pytest.mark.parametrize("name", ["uniform", "flow", "piecewise"])
def test_every_blur_is_undone(name: str, sampler: Sampler) -> None:
    blur = blurs()[name]
    m = blur.margin
    u = scene(SIZE[0] + 2 * m, SIZE[1] + 2 * m)
    torch.manual_seed(0)
    planes = u.repeat(blur.count, 1, 1, 1) if isinstance(blur, PiecewiseBlur) else u
    v = blur(planes) + 0.005 * torch.randn(1, 3, *SIZE)
    truth = u[..., m : m + SIZE[0], m : m + SIZE[1]]
    assert psnr(restore(steps=6, sampler=sampler)(v, blur, 0.005), truth) > psnr(v, truth) + 2


def test_the_same_seed_gives_the_same_bytes() -> None:
    blur = blurs()["uniform"]
    v = blur(scene(SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN))
    drawn = [restore(steps=3, seed=seed)(v, blur, 0.01) for seed in (1, 1, 2, None, None)]
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[3], drawn[4])
    assert float((drawn[0] - drawn[2]).abs().mean()) > 1e-4


def test_light_goes_through_the_curve() -> None:
    """The same picture, as light that adds up behind a curve, and as values."""
    blur = blurs()["uniform"]
    u = scene(SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN)
    v = blur(from_smooth_display(u))
    found = to_smooth_display(restore(steps=8, linear=True)(v, blur, 0.002))
    truth = u[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert psnr(found, truth) > psnr(to_smooth_display(v), truth) + 2


def test_grey_stays_grey_and_alpha_stays() -> None:
    blur = blurs()["uniform"]
    v = blur(scene(SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN))
    assert restore(steps=2)(v[:, :1], blur, 0.01).shape == (1, 1, *SIZE)
    both = torch.cat((v, v[:, :1]), 1)
    assert torch.equal(restore(steps=2)(both, blur, 0.01)[:, 3], v[:, 0])


def test_noise_belongs_to_places() -> None:
    whole = PlacedNoise(5)(torch.zeros(1, 3, 150, 140), 2)
    part = PlacedNoise(5, 30, 70)(torch.zeros(1, 3, 100, 60), 2)
    assert torch.equal(part, whole[..., 30:130, 70:130])
    assert PlacedNoise(5, -9, -3)(torch.zeros(1, 3, 20, 20), 2)[..., 9:, 3:].equal(whole[..., :11, :17])
    assert float((PlacedNoise(5)(torch.zeros(1, 3, 150, 140), 3) * whole).mean().abs()) < 0.02
    assert float(whole.std()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("sampler", [GuidedProcess(DDS()), SplitGibbs()], ids=["dds", "split-gibbs"])
def test_tiles_make_no_seam(sampler: Sampler) -> None:
    size = (96, 150)
    blur = UniformBlur(line(5, MARGIN), size)
    v = blur(scene(size[0] + 2 * MARGIN, size[1] + 2 * MARGIN))
    whole, tiled = (deblurred(v, blur, 0.01, restore(steps=2, seed=3, sampler=sampler), tile) for tile in (1024, 64))
    assert psnr(whole, tiled) > 45
    assert float((whole - v).abs().max()) > 0.05


def test_noise_of_the_data_is_another_than_that_of_pictures() -> None:
    """Of every turn: what split Gibbs draws from either is independent, also where margins shift one of them."""
    seen: dict[str, list[Tensor]] = {"state": [], "data": []}

    def listen(prior: object, observation: Observation, start: Tensor, steps: int, noises: Noises | None) -> Tensor:
        assert noises is not None
        for turn in range(4):
            seen["state"].append(noises.state(start, turn)[..., MARGIN:-MARGIN, MARGIN:-MARGIN])
            seen["data"].append(noises.data(observation.v, turn))
        return start

    restore(sampler=listen, seed=5)(torch.rand(1, 3, *SIZE), blurs()["uniform"], 0.01)
    every = torch.stack([noise.flatten() for noises in seen.values() for noise in noises])
    assert float((torch.corrcoef(every) - torch.eye(8)).abs().max()) < 0.1


def test_levels_fall_evenly_along_the_curve() -> None:
    levels = noise_levels(0.5, 0.01, 5)
    assert levels[0] == pytest.approx(0.5)
    assert levels[-1] == pytest.approx(0.01)
    roots = torch.tensor(levels) ** (1 / 7)
    assert float(roots.diff().std()) < 1e-6
    with pytest.raises(ArgumentError, match="steps"):
        noise_levels(0.5, 0.01, 0)


def test_the_covariance_is_a_square_and_grows_with_the_picture() -> None:
    prior = NetworkPrior(DiffusionNet((8, 8, 8)))
    x = torch.randn(1, 3, 20, 24)
    assert torch.allclose(prior.unroot(prior.root(x, 0.1), 0.1), x, atol=1e-3)
    assert float(prior.root(x, 0.1).norm()) <= prior.largest(0.1) * float(x.norm())
    picture = scene(64, 64)
    assert prior.fitted(2 * picture).height == pytest.approx(2 * prior.fitted(picture).height)


def test_an_untrained_network_keeps_what_is_clear() -> None:
    """Its F is 0, so D is the best linear estimate of white pictures."""
    network = DiffusionNet((8, 8, 8))
    x = torch.rand(2, 3, 33, 41)
    found = padded(network, x, torch.tensor([1e-3, 50.0]))
    assert torch.allclose(found[0], x[0], atol=1e-4)
    assert torch.allclose(found[1], torch.full_like(x[1], 0.5), atol=1e-3)


@pytest.mark.parametrize("method", SAMPLERS)
def test_methods_by_name_with_weights_of_your_own(method: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    save_file(DiffusionNet().state_dict(), tmp_path / "diffusion.safetensors")
    blur = blurs()["uniform"]
    v = blur(scene(SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN))
    named = load_diffusion(method, tmp_path).with_steps(2)
    blur, v = blur.part(slice(32), slice(32)), v[..., :32, :32]
    calm, first, again, other = (replace(named, seed=seed)(v, blur, 0.01) for seed in (None, 4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, calm)


def test_restore_frame_takes_steps_and_seed(tmp_path: Path) -> None:
    save_file(DiffusionNet().state_dict(), tmp_path / "diffusion.safetensors")
    blur = blurs()["uniform"]
    v = blur(scene(SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN))[0]
    given = {"estimator": lambda _: blur, "noise": 0.01, "deconvolver": f"dds:{tmp_path}"}
    first, again, other, longer = (
        restore_frame(v, **given, **more)[0]
        for more in ({"seed": 4, "steps": 2}, {"seed": 4, "steps": 2}, {"seed": 5, "steps": 2}, {"seed": 4, "steps": 4})
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, longer)


def test_expectation_and_em() -> None:
    """The picture with its margin, in grey; and an estimate of a blurred picture's own size."""
    u = scene(64 + 8, 72 + 8).mean(1, keepdim=True)
    blur = UniformBlur(line(5, 4), (64, 72))
    v = blur(u)
    quick = restore(steps=2, start=replace(START, rounds=1, steps=3))
    found = RestoredExpectation(quick)(v, blur, 0.01, 1.0)
    assert found.shape == u.shape
    assert psnr(found[..., 4:-4, 4:-4], u[..., 4:-4, 4:-4]) > psnr(v, u[..., 4:-4, 4:-4])
    step = Alternation(3, rounds=1)
    estimated = DiffusionEM(quick, 1, step, begin=step)(v)
    assert estimated.size == (64, 72)


@pytest.mark.parametrize(
    "given",
    [
        {"steps": 3, "prior": "tv"},
        {"seed": 3, "deconvolver": "richardson-lucy"},
        {"seed": 3, "deconvolver": lambda v, blur, sigma: v},
    ],
)
def test_steps_and_seeds_of_what_draws_nothing_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match="draws nothing"):
        restore_frame(torch.rand(3, 48, 48), **given)


def test_the_deconvolver_by_default_follows_the_prior_and_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for prior in (None, "diffusers:some", "latent:some", "deepinv:DiffUNet:some"):
        assert automatic_deconvolver(prior) == "split-gibbs"
    for other in ("tv", "video", "deepinv:DRUNet:some", lambda x, sigma: x):
        assert automatic_deconvolver(other) == "plug-and-play"
    monkeypatch.setattr("vsdeblur.weights.resources.files", lambda _: Path("/nowhere"))
    assert automatic_deconvolver(None) == "plug-and-play"


def test_a_seed_of_the_estimator_is_not_one_of_the_deconvolver_by_default() -> None:
    drawing = load_diffusion("split-gibbs")
    assert sampling(drawing, None, None, 3, "em") is drawing
    assert sampling(drawing, "split-gibbs", None, 3, "em") == drawing.with_seed(3)
    assert sampling(drawing, None, None, 3) == drawing.with_seed(3)


@pytest.mark.parametrize("given", [{"steps": 0}, {"seed": -1}, {"seed": 1.5}, {"steps": True}])
def test_steps_and_seeds_out_of_range_are_refused(given: dict[str, object], tmp_path: Path) -> None:
    save_file(DiffusionNet().state_dict(), tmp_path / "diffusion.safetensors")
    with pytest.raises(ArgumentError, match="a whole number"):
        restore_frame(torch.rand(3, 48, 48), deconvolver=f"dds:{tmp_path}", **given)


def test_missing_weights_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdeblur.weights.resources.files", lambda _: Path("/nowhere"))
    with pytest.raises(DeblurError, match=r"diffusion.safetensors is missing .* vsdeblur train diffusion"):
        restore_frame(torch.rand(3, 48, 48), deconvolver="dds")
