"""Every measure on pictures whose right value is known."""

from __future__ import annotations

import numpy as np
import pytest

from vsdeblur.bench.measures import ssimulacra2 as perceptual
from vsdeblur.bench.measures.blocks import FLOOR, block_gains, worst
from vsdeblur.bench.measures.motion import BlurryMotion
from vsdeblur.bench.measures.overshoot import Range, input_range, instant, overshoot
from vsdeblur.bench.measures.psnr import CAP, by_place, mean_psnr, psnr
from vsdeblur.bench.measures.pulse import pulse, sharpness
from vsdeblur.bench.measures.ssim import ssim, ssim_map
from vsdeblur.bench.protocol import Frames

pytestmark = pytest.mark.quick


def flat(value: int, height: int = 32, width: int = 48) -> Frames:
    return np.full((height, width, 3), value, np.uint8)


def noise(frames: int, height: int, width: int, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def sliding(frames: int, step: int, height: int = 64, width: int = 96) -> Frames:
    """A smooth texture that moves to the right by ``step`` pixels a frame; what leaves comes in again."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    wave = np.sin(2 * np.pi * x / 24) + np.sin(2 * np.pi * (x + 2 * y) / 32) + np.sin(2 * np.pi * y / 16)
    still = np.repeat(np.rint(128 + 30 * wave)[..., None], 3, axis=2).astype(np.uint8)
    return np.stack([np.roll(still, step * k, axis=1) for k in range(frames)])


def test_psnr_of_a_known_error() -> None:
    assert psnr(flat(100), flat(110)) == pytest.approx(20 * np.log10(25.5))
    assert psnr(flat(100), flat(100)) == CAP


def test_psnr_by_place_leaves_out_the_ends_and_what_is_interpolated() -> None:
    sharp = np.stack([flat(100)] * 16)
    restored = sharp.copy()
    restored[:4], restored[-4:] = 0, 0
    restored[6] += 1
    restored[5] = 0  # an interpolated one
    assert np.allclose(by_place(restored, sharp, 4, every=2), [[CAP, 20 * np.log10(255)], [CAP, CAP]])
    assert mean_psnr(restored, sharp, 4, every=2) == pytest.approx((3 * CAP + 20 * np.log10(255)) / 4)


def test_ssim_agrees_with_a_direct_sum() -> None:
    a, b = noise(1, 11, 11)[0], noise(1, 11, 11, seed=5)[0]
    ramp = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(ramp, ramp)[..., None] / np.outer(ramp, ramp).sum()
    x, y = a / 255, b / 255
    mx, my = (weights * x).sum((0, 1)), (weights * y).sum((0, 1))
    vx, vy = (weights * x * x).sum((0, 1)) - mx**2, (weights * y * y).sum((0, 1)) - my**2
    cov = (weights * x * y).sum((0, 1)) - mx * my
    direct = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert ssim_map(a, b)[5, 5] == pytest.approx(direct, abs=1e-9)
    assert ssim(a, a) == pytest.approx(1)


@pytest.mark.skipif(not perceptual.available(), reason="vapoursynth-vszip is not installed")
def test_ssimulacra2_of_identical_and_of_ever_worse_frames() -> None:
    sharp = sliding(2, 3)
    rng = np.random.default_rng(1)
    worse = [(sharp + rng.normal(0, sigma, sharp.shape)).clip(0, 255).astype(np.uint8) for sigma in (3, 12)]
    same, little, much = (perceptual.ssimulacra2(frames, sharp) for frames in (sharp, *worse))
    assert same == pytest.approx([100, 100], abs=0.1)
    assert 90 > min(little) > max(much) + 20


def test_motion_of_a_texture_that_slides() -> None:
    motion = BlurryMotion.of(sliding(3, 4), 0.5)
    inside = slice(16, -16), slice(24, -24)
    assert np.abs(motion.ahead[0][inside] - [4, 0]).max() < 0.5
    assert np.abs(motion.back[1][inside] + [4, 0]).max() < 0.5
    assert motion.moving[inside].all()
    assert not BlurryMotion.of(sliding(3, 4), 0.2).moving[inside].any()  # 0.8 px within the exposure
    assert not BlurryMotion.of(sliding(3, 0), 1.0).moving.any()


def test_overshoot_is_what_lies_outside_of_the_range() -> None:
    within = Range(flat(50), flat(100))
    moving = np.zeros((32, 48), bool)
    moving[:16] = True
    u = flat(70)
    u[:4], u[4:8], u[16:] = 110, 30, 255  # a quarter 10 above, a quarter 20 below; what stands still does not count
    assert overshoot([u], [within], moving) == pytest.approx((10 + 20) / 4)
    assert overshoot([u, flat(60)], [within] * 2, moving) == pytest.approx((10 + 20) / 8)
    assert overshoot([u], [within], np.zeros_like(moving)) == 0
    assert overshoot([u], [within.with_truth(u)], moving) == 0
    assert overshoot([u], [within.with_truth(flat(105))], moving) == pytest.approx((5 + 20) / 4)


def test_sharp_edges_are_within_the_range_of_their_blur_and_rims_are_not() -> None:
    step, factor, m = 1, 8, 8
    x = np.arange(96)
    sharp = np.stack([np.tile(np.where(x < 24 + step * k, 200, 60)[:, None], (64, 1, 3)) for k in range(32)])
    texture = (sliding(32, step).astype(int) - 128) // 6  # for the motion to be found
    frames = (sharp + texture).astype(np.uint8)
    blurry = np.rint(frames.reshape(4, factor, *frames.shape[1:]).mean(axis=1)).astype(np.uint8)
    motion = BlurryMotion.of(blurry, 1.0)
    ranges = [input_range(blurry, motion, instant(k, factor, m / factor)) for k in range(8, 24)]
    truth = overshoot(frames[8:24], ranges, motion.moving)
    rim = frames[8:24].astype(int)
    for k, frame in enumerate(rim):
        frame[:, 24 + step * (8 + k) :][:, :2] -= 40
    ringing = overshoot(rim.clip(0, 255).astype(np.uint8), ranges, motion.moving)
    assert truth < 0.1
    assert ringing > 0.5  # 40 code values in 2 of 96 columns
    repeated = np.repeat(blurry, factor, axis=0)[8:24]
    assert overshoot(repeated, ranges, motion.moving) == 0


@pytest.mark.parametrize(
    ("k", "factor", "shutter", "at"), [(0, 2, 0.5, 0.0), (4, 8, 1.0, 0.0625), (9, 8, 0.625, 0.875)]
)
def test_instants_count_from_the_middle_of_the_first_exposure(k: int, factor: int, shutter: float, at: float) -> None:
    assert instant(k, factor, shutter) == pytest.approx(at)


def test_sharpness_of_a_ramp() -> None:
    ramp = np.repeat(np.tile(np.arange(0, 96, 3, dtype=np.uint8), (16, 1))[..., None], 3, axis=2)
    inside = np.zeros((16, 32), bool)
    inside[:-1, :-1] = True
    assert sharpness(ramp, inside) == pytest.approx(3)
    assert sharpness(ramp, np.zeros_like(inside)) == 0


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_pulse_is_the_swing_within_a_period(factor: int) -> None:
    swing = np.linspace(0, 0.1, factor)
    alternating = 7 * np.exp(np.tile(swing, 5))
    assert pulse(alternating, factor) == pytest.approx(10)


@pytest.mark.parametrize("factor", [1, 2, 5, 8])
def test_a_scene_that_gets_sharper_does_not_pulse(factor: int) -> None:
    assert pulse(5 * np.exp(0.02 * np.arange(5 * factor)), factor) == pytest.approx(0, abs=1e-9)
    assert pulse([0.0] * 5 * factor, factor) == 0


def test_block_gains_against_repeating_the_input() -> None:
    sharp = flat(100, 32, 32)
    repeated, restored = flat(110, 32, 32), flat(110, 32, 32)
    restored[:16, :16] = 100  # right
    restored[16:, 16:] = 130  # three times the error
    gains = block_gains(restored, repeated, sharp)
    right, worse = 10 * np.log10((100 + FLOOR) / FLOOR), 10 * np.log10((100 + FLOOR) / (900 + FLOOR))
    assert np.allclose(gains, [[right, 0], [0, worse]])
    assert worst(gains) == pytest.approx(worse)


def test_worst_is_the_mean_of_a_hundredth() -> None:
    gains = np.arange(400.0)
    assert worst(gains[::-1].reshape(20, 20)) == pytest.approx((0 + 1 + 2 + 3) / 4)
