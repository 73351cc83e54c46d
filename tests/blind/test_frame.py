"""restore_frame: what comes in and out, tiles, sharp pictures, the ways to restore."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from tests.support.operators import power_iteration
from tests.support.quality import psnr
from vsdeblur.blind import restore_frame
from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.deconvolve import unrolled
from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import UnrolledDeconvolution, norm_bound, stages
from vsdeblur.blind.estimate.confidence import ConfidenceGate, spread
from vsdeblur.blind.estimate.kernel_net import REACH, KernelNet
from vsdeblur.blind.estimate.kernels import KernelEstimator
from vsdeblur.blind.frame import blurred_share, deblurred
from vsdeblur.blind.methods import estimator_of
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.colour.display import to_smooth_display
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.operators import gram

SIZE = (72, 96)


def scene(height: int, width: int) -> torch.Tensor:
    """(1, 3, height, width): blocks of colour."""
    torch.manual_seed(4)
    blocks = torch.rand(1, 3, -(-height // 6), -(-width // 6))
    return F.interpolate(blocks, scale_factor=6.0)[..., :height, :width] * 0.8 + 0.1


def line(length: int, margin: int) -> torch.Tensor:
    kernel = torch.zeros(2 * margin + 1, 2 * margin + 1)
    kernel[margin, margin - length // 2 : margin + length // 2 + 1] = 1 / length
    return kernel


@pytest.fixture(scope="module")
def blurry() -> tuple[torch.Tensor, torch.Tensor, UniformBlur]:
    blur = UniformBlur(line(7, 6), SIZE)
    u = scene(SIZE[0] + 12, SIZE[1] + 12)
    return blur(u)[0], u[0, :, 6:-6, 6:-6], blur


@pytest.mark.parametrize("deconvolver", ["plug-and-play", "richardson-lucy"])
def test_a_known_blur_is_undone(blurry, deconvolver: str) -> None:
    v, u, blur = blurry
    sharp, found = restore_frame(v, estimator=lambda _: blur, deconvolver=deconvolver, noise=0.002)
    assert found is blur
    assert psnr(sharp, u) > psnr(v, u) + 3


def test_values_types_and_channels_stay(blurry) -> None:
    v, _, blur = blurry
    for frame in (v.double(), v[:1], v.numpy(), 3 * v):
        sharp, _ = restore_frame(frame, estimator=lambda _: blur, deconvolver="richardson-lucy")
        assert sharp.shape == frame.shape
        assert str(sharp.dtype).endswith(str(frame.dtype).removeprefix("torch."))
    assert restore_frame(3 * v, estimator=lambda _: blur, deconvolver="richardson-lucy")[0].max() > 2


def test_light_is_what_adds_up(blurry) -> None:
    """The same light stored by a curve gives the same light back."""
    v, _, blur = blurry
    stored = v.clamp(0, 1) ** (1 / 2.2)
    ways = {"estimator": lambda _: blur, "deconvolver": "richardson-lucy"}
    straight, _ = restore_frame(v, **ways)
    curved, _ = restore_frame(stored, transfer="gamma2.2", **ways)
    assert torch.allclose(curved.clamp_min(0) ** 2.2, straight, atol=1e-3)


def test_noise_is_measured_as_it_is_seen(blurry) -> None:
    """In light it is small in the dark; what is told is that of the picture's middle."""
    blur = blurry[2]
    told: list[float] = []

    def watch(v: torch.Tensor, blur: UniformBlur, sigma: float) -> torch.Tensor:
        told.append(sigma)
        return v

    torch.manual_seed(3)
    shown = (torch.linspace(0.02, 0.6, SIZE[1]).expand(3, *SIZE) + 0.02 * torch.randn(3, *SIZE)).clamp(0, 1)
    restore_frame(shown, transfer="srgb", estimator=lambda _: blur, deconvolver=watch)
    restore_frame(shown, transfer="srgb", estimator=lambda _: blur, deconvolver=watch, noise=0.02)
    assert told[0] == pytest.approx(told[1], rel=0.3)


def test_what_is_not_blurred_comes_back_as_it_is(blurry) -> None:
    v, _, _ = blurry
    still = UniformBlur(line(1, 6), SIZE)
    sharp, _ = restore_frame(v, estimator=lambda _: still, deconvolver="richardson-lucy")
    assert torch.equal(sharp, v)


def test_blur_on_one_side_is_taken_from_that_side_alone() -> None:
    weights = torch.zeros(1, 2, *SIZE)
    weights[:, 0, :, :48], weights[:, 1, :, 48:] = 1, 1
    blur = PixelwiseBlur(torch.stack((line(1, 6), line(9, 6)))[None], weights)
    share = blurred_share(blur)[0, 0]
    assert float(share[:, :20].max()) == 0
    assert float(share[:, 76:].min()) == 1
    assert share.diff().abs().max() < 0.2


def test_spread_is_the_deviation_of_light() -> None:
    kernels = torch.stack((line(1, 6), line(3, 6), line(3, 6).roll((2, 1), (0, 1))))
    assert spread(kernels).tolist() == pytest.approx([0, (2 / 3) ** 0.5, (2 / 3) ** 0.5], abs=1e-5)


def test_tiles_make_no_seam() -> None:
    size = (150, 190)
    blur = UniformBlur(line(7, 4), size)
    v = blur(scene(158, 198))
    network = UnrolledDeconvolution(_trained_a_little())
    whole, tiled = (deblurred(v, blur, 0.01, network, tile) for tile in (1024, 64))
    assert psnr(whole, tiled) > 50
    assert float((whole - v).abs().max()) > 0.05


def _trained_a_little() -> RestorationNet:
    """A network that does not pass everything by."""
    torch.manual_seed(1)
    network = RestorationNet()
    torch.nn.init.normal_(network.leave.weight, std=0.01)
    return network


def test_unrolled_stages_go_towards_the_data() -> None:
    """With a network that changes nothing the data steps alone undo a mild blur without noise."""
    blur = UniformBlur(line(3, 3), SIZE)
    u = scene(SIZE[0] + 6, SIZE[1] + 6)
    v = blur(u)
    found = UnrolledDeconvolution(RestorationNet())(v, blur, 0.0)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    assert psnr(found[inner], u[..., 3:-3, 3:-3][inner]) > psnr(v[inner], u[..., 3:-3, 3:-3][inner]) + 6


def test_stages_tell_what_the_blur_should_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their gradient for kernels and shares, through every data step, is that of finite differences."""
    torch.manual_seed(5)
    monkeypatch.setattr(unrolled, "norm_bound", lambda blur, v: 1.2)  # it sets the steps, and is no part of the model
    network = _trained_a_little().double().requires_grad_(False)
    v, truth = torch.rand(2, 1, 3, 16, 20, dtype=torch.float64)
    at = [torch.randn(1, 3, *size, dtype=torch.float64) for size in ((5, 5), (16, 20))]
    along = [torch.randn_like(x) for x in at]

    def error(kernels: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        blur = PixelwiseBlur(kernels.flatten(2).softmax(-1).view_as(kernels), shares.softmax(1))
        with torch.no_grad():
            blur.adjoint(v)  # what is kept of this must not be used where gradients are wanted
        found = stages(network, v, blur, 0.01, clip=0.9, linear=True, start=v)
        return sum((u - truth).square().sum() for u in found)

    for x in at:
        x.requires_grad_()
    error(*at).backward()
    slope = float(torch.stack([(x.grad * d).sum() for x, d in zip(at, along, strict=True)]).sum())
    step = 1e-5
    ahead, behind = (error(*(x.detach() + s * d for x, d in zip(at, along, strict=True))) for s in (step, -step))
    assert slope == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-5)


def test_clipped_values_are_left_out_of_the_data() -> None:
    blur = UniformBlur(line(5, 3), SIZE)
    u = scene(SIZE[0] + 6, SIZE[1] + 6)
    u[..., 30:34, 40:44] = 6.0  # a lamp
    v = blur(u).clamp(max=1)
    network = RestorationNet()
    aware, plain = (UnrolledDeconvolution(network, clip=clip)(v, blur, 0.002) for clip in (1.0, None))
    around = (slice(None), slice(None), slice(20, 44), slice(20, 64))
    truth = u[..., 3:-3, 3:-3].clamp(max=1)
    assert psnr(aware.clamp(0, 1)[around], truth[around]) > psnr(plain.clamp(0, 1)[around], truth[around])


def test_the_bound_holds() -> None:
    torch.manual_seed(2)
    weights = torch.randn(1, 4, *SIZE).mul(4).softmax(1)
    blur = PixelwiseBlur(torch.rand(1, 4, 9, 9).flatten(2).mul(9).softmax(-1).view(1, 4, 9, 9), weights)
    x = torch.randn(1, 1, SIZE[0] + 8, SIZE[1] + 8)
    assert 0 < power_iteration(gram(blur), x, 30) <= norm_bound(blur, x)


def test_the_networks_estimate_covers_pictures_of_any_size() -> None:
    torch.manual_seed(0)
    estimate = KernelEstimator(KernelNet())
    for size in ((40, 33), (300, 70)):
        blur = estimate(torch.rand(1, 1, *size))
        assert blur.size == size
        assert blur.margin >= REACH
        kernels = blur.kernels(torch.tensor([[0, 0], [size[1] - 1, size[0] - 1]]))
        assert kernels.sum((1, 2)).tolist() == pytest.approx([1, 1], abs=1e-3)


def test_weights_of_your_own(tmp_path: Path) -> None:
    """By file and by folder; another network finds another blur, and makes another picture."""
    torch.manual_seed(7)
    made = {"kernels": KernelNet(), "restoration": _trained_a_little()}
    for name, network in made.items():
        save_file(network.state_dict(), tmp_path / f"{name}.safetensors")
    place = torch.device("cpu")
    v = scene(64, 64)
    for path in (tmp_path, tmp_path / "kernels.safetensors"):
        find = estimator_of(f"network:{path}", place)
        assert isinstance(find, ConfidenceGate)
        points = torch.tensor([[5, 7], [40, 50]])
        own = KernelEstimator(made["kernels"])(v)
        assert torch.allclose(find.estimate(v).kernels(points), own.kernels(points), atol=1e-6)
    blur = UniformBlur(line(7, 6), SIZE)
    given = {"estimator": lambda _: blur, "noise": 0.01, "transfer": "srgb"}
    blurry = blur(scene(SIZE[0] + 12, SIZE[1] + 12))[0]
    ours, plain = (restore_frame(blurry, deconvolver=name, **given)[0] for name in (f"unrolled:{tmp_path}", "unrolled"))
    assert (ours - plain).abs().max() > 1e-3
    restore_frame(blurry, estimator=f"network:{tmp_path}", deconvolver=f"unrolled:{tmp_path}")


@pytest.mark.parametrize("name", ["indi", "cddb"])  # the noise of "i2sb" takes a network that was trained
def test_bridges_restore_with_weights_of_your_own(name: str, tmp_path: Path) -> None:
    """Light goes through the network's curve: stored with a curve, a picture is restored as well as without."""
    torch.manual_seed(7)
    network = BridgeNet()
    torch.nn.init.normal_(network.leave.weight, std=0.001)
    save_file(network.state_dict(), tmp_path / "bridge.safetensors")
    blur = UniformBlur(line(7, 6), SIZE)
    u = scene(SIZE[0] + 12, SIZE[1] + 12)
    given = {"estimator": lambda _: blur, "noise": 0.002, "deconvolver": f"{name}:{tmp_path}"}
    truth = u[..., 6:-6, 6:-6][0]
    v = blur(u)[0]
    assert psnr(restore_frame(v, **given)[0], truth) > psnr(v, truth) + 2
    shown = from_linear(v, "srgb")
    sharp = to_linear(restore_frame(shown, transfer="srgb", **given)[0], "srgb")
    assert psnr(sharp, truth) > psnr(v, truth) + 2


@pytest.mark.parametrize("argument", ["estimator", "deconvolver"])
def test_weights_that_are_not_there_are_named(blurry, argument: str, tmp_path: Path) -> None:
    v, _, blur = blurry
    name, what = ("network", "kernels") if argument == "estimator" else ("unrolled", "restoration")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    known = {"estimator": lambda _: blur}
    for path in (tmp_path, tmp_path / "none.safetensors", ""):
        with pytest.raises(ArgumentError, match=f'{argument} .*"{name}:PATH"'):
            restore_frame(v, **known | {argument: f"{name}:{path}"})
    with pytest.raises(InputError, match=f"other.safetensors: not weights of vsdeblur train {what}"):
        restore_frame(v, **known | {argument: f"{name}:{tmp_path / 'other.safetensors'}"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimator": "magic"}, "estimator"),
        ({"estimator": "path:somewhere"}, "estimator"),
        ({"deconvolver": "magic"}, "deconvolver"),
        ({"prior": "tv", "deconvolver": "richardson-lucy"}, "prior"),
        ({"noise": -1.0}, "noise"),
        ({"max_memory": "1KiB"}, "max_memory"),
        ({"transfer": "magic"}, "transfer"),
    ],
)
def test_bad_arguments_are_named(blurry, arguments: dict[str, object], message: str) -> None:
    v, _, blur = blurry
    given = {
        "estimator": lambda _: blur,
        "deconvolver": None if "prior" in arguments else "richardson-lucy",
    } | arguments
    with pytest.raises(ArgumentError, match=message):
        restore_frame(v, **given)


@pytest.mark.parametrize("frame", [np.zeros((4, 4), np.float32), torch.zeros(2, 40, 40), torch.zeros(3, 40, 40).int()])
def test_bad_frames_are_named(frame: object) -> None:
    with pytest.raises(ArgumentError, match="frame"):
        restore_frame(frame)


def test_of_small_pictures_no_blur_passes() -> None:
    v = torch.rand(3, 20, 60)
    sharp, blur = restore_frame(v)
    assert torch.equal(sharp, v)
    assert blur.margin == 0


def test_networks_know_values_through_a_curve() -> None:
    """Of linear light the network sees what a display would show."""
    seen: list[torch.Tensor] = []

    class Watching(RestorationNet):
        def forward(self, x: torch.Tensor, *rest: torch.Tensor | float) -> torch.Tensor:
            seen.append(x)
            return x

    blur = UniformBlur(line(3, 3), SIZE)
    v = torch.full((1, 3, *SIZE), 0.2)
    deconvolve = UnrolledDeconvolution(Watching())
    deconvolve(v, blur, 0.01)
    replace(deconvolve, linear=True)(v, blur, 0.01)
    assert float(seen[0].mean()) == pytest.approx(0.2, abs=1e-3)
    assert float(seen[-1].mean()) == pytest.approx(float(to_smooth_display(torch.tensor(0.2))), abs=1e-3)
