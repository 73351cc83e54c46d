"""Restoration with a known blur: gains, clipped light, and no harm where there is nothing to restore."""

from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch

from tests.support.operators import power_iteration
from tests.support.quality import psnr
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay, highest_eigenvalue
from vsdeblur.blind.deconvolve.protocol import extended
from vsdeblur.blind.deconvolve.richardson_lucy import RichardsonLucy
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError
from vsdeblur.operators import gram
from vsdeblur.priors import TotalVariation
from vsdeblur.training.shake import random_shake

pytestmark = pytest.mark.quick

SIZE = 64
SIGMA = 0.01
TV = TotalVariation(strength=0.9, time=0.0)
METHODS = {
    "lucy": RichardsonLucy(30),
    "lucy, variation": RichardsonLucy(variation=0.01),
    "plug and play": PlugAndPlay(TV),
}


@pytest.fixture(params=METHODS)
def restore(request):
    return METHODS[request.param]


def stroke() -> UniformBlur:
    y, x = torch.meshgrid(torch.arange(-4.0, 5), torch.arange(-4.0, 5), indexing="ij")
    kernel = ((x - y).abs() < 1.5).float() * (x.abs() < 4)
    return UniformBlur(kernel / kernel.sum(), (SIZE, SIZE))


def shaken() -> ProjectiveBlur:
    path = torch.from_numpy(random_shake(np.random.default_rng(7), (SIZE, SIZE), 9.0, steps=9))
    return ProjectiveBlur.along(path, (SIZE, SIZE))


def discs(blur, channels: int = 3) -> torch.Tensor:
    """A sharp picture with the blur's margin: edges of many directions between even areas."""
    side = SIZE + 2 * blur.margin
    picture = np.full((side, side, 3), 0.4, np.float32)
    rng = np.random.default_rng(2)
    for _ in range(14):
        centre, reach = rng.integers(0, side, 2), int(rng.integers(4, 12))
        cv2.circle(picture, tuple(map(int, centre)), reach, rng.uniform(0.15, 0.85, 3).tolist(), -1, cv2.LINE_AA)
    return torch.from_numpy(picture).permute(2, 0, 1)[None, :channels].contiguous()


def noise(v: torch.Tensor, sigma: float = SIGMA) -> torch.Tensor:
    return sigma * torch.randn(v.shape, generator=torch.Generator().manual_seed(4))


def cut(u: torch.Tensor, blur) -> torch.Tensor:
    m = blur.margin
    return u[..., m : m + SIZE, m : m + SIZE]


@pytest.mark.parametrize("make", [stroke, shaken])
def test_a_known_blur_is_undone(restore, make):
    blur = make()
    sharp = discs(blur)
    v = blur(sharp) + noise(cut(sharp, blur))
    found = restore(v, blur, SIGMA)
    assert found.shape == v.shape
    assert psnr(found, cut(sharp, blur)) > psnr(v, cut(sharp, blur)) + 2


def test_planes_are_restored_where_one_path_fails():
    paths = [torch.from_numpy(random_shake(np.random.default_rng(k), (SIZE, SIZE), 9.0, steps=9)) for k in (1, 2)]
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    matte = (20 - (x - 47.5).hypot(y - 47.5)).clamp(0, 1)[None]
    blur = PiecewiseBlur.along(paths, matte, (SIZE, SIZE))
    far = discs(blur)
    u = torch.cat((far, far.flip(-1, -2)))
    sharp = blur.compose(u)
    v = blur(u) + noise(sharp)
    restore = PlugAndPlay(TV, rounds=4, steps=6)
    single, piecewise = (restore(v, one, SIGMA) for one in (ProjectiveBlur.along(paths[0], (SIZE, SIZE)), blur))
    assert psnr(piecewise, sharp) > psnr(v, sharp) + 4
    assert psnr(single, sharp) < psnr(v, sharp) + 2


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (0.5, 0.0), (0.25, 0.25)])
def test_eigenvalues_stay_below_their_bound(x, y):
    # A shift without blur: bicubic interpolation raises some frequencies.
    path = torch.tensor([[[1.0, 0, x], [0, 1, y], [0, 0, 1]]])
    blur = ProjectiveBlur.along(path, (24, 24), kernel="bicubic")
    u = torch.randn(1, 1, 24 + 2 * blur.margin, 24 + 2 * blur.margin, generator=torch.Generator().manual_seed(0))
    found = power_iteration(gram(blur), u, 100)
    assert 1.02 < found < highest_eigenvalue(blur, torch.zeros(1, 1, 24, 24))


def test_one_channel_is_as_good_as_three(restore):
    blur = stroke()
    sharp = discs(blur, 1)
    v = blur(sharp) + noise(cut(sharp, blur))
    assert psnr(restore(v, blur, SIGMA), cut(sharp, blur)) > psnr(v, cut(sharp, blur)) + 2


def test_borders_see_what_lies_beyond(restore):
    # What comes in over the border is unlike what is inside; it must not ring.
    blur = stroke()
    sharp = discs(blur)
    found = restore(blur(sharp), blur, SIGMA)
    error = (found - cut(sharp, blur)).square().mean((0, 1))
    rim = torch.ones(SIZE, SIZE, dtype=torch.bool)
    rim[8:-8, 8:-8] = False
    assert error[rim].mean() < 6 * error[~rim].mean()


def test_a_prior_wins_over_none():
    blur = stroke()
    sharp = discs(blur)
    v = blur(sharp) + noise(cut(sharp, blur))
    plain, tv, plug = (psnr(one(v, blur, SIGMA), cut(sharp, blur)) for one in METHODS.values())
    assert plain < tv < plug


def lamps(blur, light: float) -> torch.Tensor:
    night = torch.full((1, 3, SIZE + 2 * blur.margin, SIZE + 2 * blur.margin), 0.2)
    night[..., 24:28, 24:28] = night[..., 44:47, 48:52] = light
    return night


@pytest.mark.parametrize(("name", "gain"), [("lucy, variation", 0.3), ("plug and play", 3)])
def test_clipped_light_is_not_taken_at_its_word(name, gain):
    blur = stroke()
    night = lamps(blur, 4.0)
    v = (blur(night) + noise(cut(night, blur))).clamp(0, 1)
    taken, doubted = (replace(cast(Any, METHODS[name]), clip=clip)(v, blur, SIGMA).clamp(0, 1) for clip in (None, 1.0))
    truth = cut(night, blur).clamp(0, 1)
    assert psnr(doubted, truth) > psnr(taken, truth) + gain


def test_the_same_every_time(restore):
    blur = stroke()
    v = cut(discs(blur), blur)
    assert torch.equal(restore(v, blur, SIGMA), restore(v, blur, SIGMA))


def test_picture_and_blur_are_of_one_size(restore):
    with pytest.raises(ArgumentError, match="v must be pictures"):
        restore(torch.zeros(1, 3, SIZE, SIZE + 1), stroke(), SIGMA)


def test_extension_repeats_the_edge():
    blur = stroke()
    v = torch.rand(1, 3, SIZE, SIZE)
    u = extended(v, blur)
    assert torch.equal(cut(u, blur), v)
    assert torch.equal(u[..., 0, 0], v[..., 0, 0])


def contrast(u: torch.Tensor) -> float:
    return float(u.max() - u.min())


@pytest.mark.parametrize("make", [stroke, shaken])
def test_a_flat_picture_stays_flat(restore, make):
    found = restore(torch.full((1, 3, SIZE, SIZE), 0.5), make(), SIGMA)
    assert float((found - 0.5).abs().max()) < 5e-3


@pytest.mark.parametrize("make", [stroke, shaken])
@pytest.mark.parametrize("name", ["lucy, variation", "plug and play"])
def test_noise_is_not_raised(name, make):
    v = 0.5 + noise(torch.zeros(1, 3, SIZE, SIZE))
    found = METHODS[name](v, make(), SIGMA)
    assert contrast(found) < 1.05 * contrast(v)


@pytest.mark.parametrize("make", [stroke, shaken])
def test_text_does_not_ring(make):
    blur = make()
    m = blur.margin
    page = np.full((SIZE + 2 * m, SIZE + 2 * m, 3), 204, np.uint8)
    cv2.putText(page, "abc", (6 + m, 40 + m), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (51, 51, 51), 2, cv2.LINE_AA)
    sharp = torch.from_numpy(page).permute(2, 0, 1)[None] / 255
    v = (blur(sharp) * 255).round() / 255
    found = PlugAndPlay(TV, rounds=12)(v, blur, 2 / 255)
    assert psnr(found, cut(sharp, blur)) > psnr(v, cut(sharp, blur)) + 6
    assert float(found.max()) < 0.8 + 0.05 * 0.6
    assert float(found.min()) > 0.2 - 0.05 * 0.6


def test_lamps_have_no_dark_rings():
    blur = stroke()
    night = lamps(blur, 2.5)
    v = (blur(night) + noise(cut(night, blur))).clamp(0, 1)
    found = PlugAndPlay(TV, rounds=16, clip=1.0)(v, blur, SIGMA)
    assert psnr(found.clamp(0, 1), cut(night, blur).clamp(0, 1)) > psnr(v, cut(night, blur).clamp(0, 1)) + 3
    assert float(found.min()) > 0.2 - 0.05 * 0.8
