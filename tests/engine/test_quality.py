"""How good the engine must be on small moving scenes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.quality import FACTOR, H, W, as_tensor, gain, psnr
from vsdeblur import restore
from vsdeblur.settings import PRESETS
from vsdeblur.synthetic.scene import Scene, film

# 0.15 dB below what was measured: room for other processors and libraries, none for a step that stopped working.
FLOORS = {
    (1.0, "fast"): 5.15,
    (1.0, "balanced"): 5.38,
    (1.0, "best"): 5.8,
    (0.5, "fast"): 10.78,
    (0.5, "balanced"): 11.41,
    (0.5, "best"): 11.39,
}


@pytest.mark.parametrize(("shutter", "preset"), FLOORS)
def test_a_moving_scene_becomes_sharper(shutter: float, preset: str) -> None:
    sharp, blurry = (as_tensor(x) for x in film(Scene(H, W), 5 if shutter == 1 else 4, FACTOR, shutter, lambda u: u))
    found = gain(restore(blurry, FACTOR, shutter=shutter, preset=preset), sharp, blurry)
    assert FLOORS[shutter, preset] < found < FLOORS[shutter, preset] + 1, "raise the floor where results become better"


def test_every_preset_is_better_than_the_one_before() -> None:
    sharp, blurry = (as_tensor(x) for x in film(Scene(96, 144), 5, FACTOR, 1.0, lambda u: u))
    fast, balanced, best = (gain(restore(blurry, FACTOR, preset=p), sharp, blurry) for p in PRESETS)
    assert fast + 0.6 < balanced < best - 0.6


def test_the_prior_does_no_harm_and_helps_where_there_is_noise(filmed: tuple[Tensor, Tensor]) -> None:
    sharp, blurry = filmed

    def gains(v: Tensor) -> list[float]:
        """Without the prior and with it. The learned step takes noise away too, and would hide what the prior does."""
        return [gain(restore(v, FACTOR, prior=p, solver="keyframes"), sharp, v) for p in (None, "tv")]

    plain, with_prior = gains(blurry)
    assert with_prior > plain - 0.1
    for noise, least in ((5 / 255, 0.08), (10 / 255, 0.3)):
        noisy = blurry + noise * torch.randn(blurry.shape, generator=torch.Generator().manual_seed(0))
        plain, with_prior = gains(noisy)
        assert with_prior > plain + least


def test_noise_brings_the_prior_by_itself_where_the_preset_has_time(filmed: tuple[Tensor, Tensor]) -> None:
    sharp, clean = (x / 4 for x in filmed)
    noisy = clean + 5 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    def restored(v: Tensor, preset: str = "balanced", **given: Any) -> Tensor:
        return restore(v, 2, preset=preset, transfer="linear", **given)

    assert torch.equal(restored(clean), restored(clean, prior=None))
    assert torch.equal(restored(noisy, "fast"), restored(noisy, "fast", prior=None))
    found = restored(noisy)
    assert torch.equal(found, restored(noisy, prior="video"))
    assert torch.equal(restored(noisy, prior=None), restored(noisy, prior="none"))
    truth = sharp[:: FACTOR // 2]
    assert psnr(found, truth) > psnr(restored(noisy, prior=None), truth) + 0.3


@pytest.mark.parametrize("noise", [0.0, 5 / 255])
def test_sharp_frames_are_not_made_worse(noise: float) -> None:
    """The protocol with m = 1: moving pictures that have no blur, the shutter said to be an eighth of the period."""
    sharp, _ = film(Scene(H, W), 4, FACTOR, 1.0, lambda light: light)
    u = as_tensor(sharp)
    v = u[::FACTOR]
    v = v + noise * torch.randn(v.shape, generator=torch.Generator().manual_seed(1))
    restored = restore(v, FACTOR, shutter=1 / FACTOR, quadrature="taps")
    assert gain(restored, u, v) > -0.1
    own = slice(FACTOR, -FACTOR, FACTOR)  # the instants that the input itself shows
    assert psnr(restored[own], u[own]) > min(psnr(v[1:-1], u[own]) - 0.1, 60)


def test_no_instant_stands_out(filmed: tuple[Tensor, Tensor]) -> None:
    """Quality goes up and down with the place in the period, but not by steps from one instant to the next."""
    sharp, blurry = filmed
    restored = restore(blurry, FACTOR)
    quality = [psnr(restored[j], sharp[j]) for j in range(FACTOR, 4 * FACTOR)]
    assert max(abs(a - b) for a, b in pairwise(quality)) < 2.5


@pytest.mark.parametrize("factor", [2, 3])
def test_backwards_in_backwards_out(blurry: Tensor, factor: int) -> None:
    """With the shutter open all the time the exposures of the reversed clip are the same ones."""
    forward = restore(blurry, factor)
    backward = restore(blurry.flip(0), factor).flip(0)
    sharp = as_tensor(film(Scene(H, W), 5, factor, 1.0, lambda light: light)[0])
    assert abs(psnr(forward, sharp) - psnr(backward, sharp)) < 0.3
    assert psnr(forward, backward) > psnr(forward, sharp) + 6  # both are much nearer to each other than to the truth
