"""A wrong kernel that passed the gate makes no picture worse; a right one loses nothing by the test."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind import restore_frame
from vsdeblur.blind.harm import detail_gain, harmless_share, misfit, overshoot, wideness
from vsdeblur.blind.operators.uniform import UniformBlur

torch.set_num_threads(1)

SIZE = 96


def line(length: int, upright: bool = False) -> Tensor:
    kernel = torch.zeros(length + 2, length + 2)
    kernel[(length + 2) // 2, 1 : 1 + length] = 1 / length
    return kernel.T.contiguous() if upright else kernel


def portrait(size: int) -> Tensor:
    """A dim face before black: smooth shades, a few thin strands, (1, 3, size, size)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    face = 0.28 * torch.exp(-3 * (x.square() + 0.7 * y.square()))
    strands = 0.12 * ((x * 23 + 3 * y).sin() > 0.93) * (y < -0.1)
    eyes = -0.1 * torch.exp(-60 * ((x.abs() - 0.3).square() + (y + 0.1).square()))
    return (0.03 + face + strands + eyes)[None, None].expand(1, 3, -1, -1) * torch.tensor([1, 0.8, 0.7]).view(3, 1, 1)


def blur_of(blur: UniformBlur, _: Tensor) -> UniformBlur:
    """What an estimator returns that always believes in ``blur``."""
    return blur


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a.clamp(0, 1) - b).square().mean().log10())


def shaken(kernel: Tensor, noise: float = 0.004) -> tuple[Tensor, Tensor]:
    """The sharp portrait and its exposure, (3, SIZE, SIZE) each."""
    blur = UniformBlur(kernel, (SIZE, SIZE))
    wide = portrait(SIZE + 2 * blur.margin)
    seen = blur(wide) + noise * torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    edge = blur.margin
    return wide[0, :, edge:-edge, edge:-edge], (seen.clamp(0, 1) * 255).round()[0] / 255


@pytest.mark.parametrize("transfer", ["linear", "srgb"])
@pytest.mark.parametrize("deconvolver", ["plug-and-play", "richardson-lucy"])
def test_a_kernel_that_is_far_too_long_makes_no_picture_worse(transfer: str, deconvolver: str) -> None:
    sharp, blurry = shaken(line(5))
    for wrong in (line(17), line(25)):
        blur = UniformBlur(wrong, (SIZE, SIZE))
        found = partial(blur_of, blur)
        restored, _ = restore_frame(blurry, estimator=found, deconvolver=deconvolver, transfer=transfer)
        assert psnr(restored, sharp) > psnr(blurry, sharp) - 0.1


def test_the_right_kernel_is_taken() -> None:
    sharp, blurry = shaken(line(9))
    blur = UniformBlur(line(9), (SIZE, SIZE))
    restored, _ = restore_frame(blurry, estimator=lambda _: blur)
    assert psnr(restored, sharp) > psnr(blurry, sharp) + 1


def test_blotches_are_taken_out_and_the_rest_is_kept() -> None:
    sharp, blurry = shaken(line(9))
    spoilt = sharp[None].clone()
    spoilt[..., 44:54, 44:54] = 0  # black on the face
    blur = UniformBlur(line(9), (SIZE, SIZE))
    share = harmless_share(blurry[None], spoilt, blur, lambda values: values)
    assert float(share[..., 46:52, 46:52].max()) < 0.05
    assert float(share[..., 70:90, 10:80].min()) > 0.8
    assert float(overshoot(blurry[None], spoilt)[..., 44:54, 44:54].mean()) > 2


def test_a_wide_blur_that_passed_the_gate_may_bring_more_detail() -> None:
    size, kernel = 160, line(17)
    blur = UniformBlur(kernel, (size, size))
    wide = size + 2 * blur.margin
    grain = torch.randn(1, 3, wide, wide, generator=torch.Generator().manual_seed(1))
    u = 0.5 + 0.05 * F.avg_pool2d(F.pad(grain, (1, 2, 1, 2)), 4, 1)[..., :wide, :wide]
    edge = blur.margin
    before, after = blur(u), u[..., edge:-edge, edge:-edge]

    def share(assured: bool) -> float:
        return float(harmless_share(before, after, blur, lambda values: values, assured=assured).mean())

    assert float(detail_gain(before, after).mean()) > 2.4
    assert share(assured=True) > share(assured=False) + 0.3
    assert wideness(UniformBlur(line(5), (size, size))) == 1
    assert wideness(blur) == pytest.approx(17 / 12**0.5 / 2, rel=0.05)


def test_noise_that_has_grown_is_not_taken() -> None:
    _, blurry = shaken(line(9))
    grown = blurry[None] + 0.05 * torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    blur = UniformBlur(line(9), (SIZE, SIZE))
    assert float(detail_gain(blurry[None], grown).min()) > 3
    assert not bool(harmless_share(blurry[None], grown, blur, lambda values: values).any())


def test_what_does_not_blur_back_to_the_picture_is_not_taken() -> None:
    _, blurry = shaken(line(9))
    other = F.avg_pool2d(blurry[None].flip(-2), 5, 1, 2) + 0.1  # smooth, in range, and of another picture
    blur = UniformBlur(line(9), (SIZE, SIZE))
    assert float((misfit(blurry[None], other, blur, lambda values: values) > 0.06).float().mean()) > 0.6
    assert not bool(harmless_share(blurry[None], other, blur, lambda values: values).any())
