"""A sensor's noise, found in blurry frames and held against what they tell."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.camera.noise import NOISELESS, Noise, noise_level, sensor_noise
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import engine
from vsdeblur.solver.data_weights import PASSED, DataWeights
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.synthetic.scene import Scene, film

CURVE = "bt709"


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(light: Tensor, noise: Noise, seed: int = 0) -> Tensor:
    return light + torch.randn(light.shape, generator=drawn(seed)) * noise.variance(light).sqrt()


def walls(count: int = 2) -> Tensor:
    """Linear light: grey walls from dark to bright; the lower half is as rough as foliage."""
    light = torch.linspace(0.01, 0.9, 192).expand(count, 3, 144, 192).clone()
    light[..., 72:, :] *= 0.5 + torch.rand(count, 3, 72, 192, generator=drawn(9))
    return light


@pytest.mark.parametrize("noise", [Noise(1e-3, 1e-6), Noise(8e-3, 9e-5), Noise(0.0, 4e-4)])
def test_a_sensor_s_noise_is_found(noise: Noise) -> None:
    found = sensor_noise(noisy(walls(), noise))
    for x in (0.05, 0.2, 0.8):
        assert (found.shot * x + found.read) ** 0.5 == pytest.approx((noise.shot * x + noise.read) ** 0.5, rel=0.2)


def test_clipped_and_black_areas_tell_nothing() -> None:
    noise, light = Noise(4e-3, 2e-5), walls()
    light[..., :36, :] = 0  # bars
    light[..., 36:60, 100:] = 3.0  # a window
    v = noisy(light, noise).clamp(0, 1)
    v[..., :36, :] = 0
    found = sensor_noise(v)
    for x in (0.1, 0.6):
        assert (found.shot * x + found.read) ** 0.5 == pytest.approx((noise.shot * x + noise.read) ** 0.5, rel=0.25)
    even = (0.5 + 5 / 255 * torch.randn(2, 1, 128, 128, generator=drawn(1))).clamp(0, 1)
    even[..., :32, :] = 0
    assert noise_level(even) == pytest.approx(5 / 255, rel=0.15)


@pytest.mark.parametrize("v", [torch.rand(1, 3, 12, 40), torch.zeros(2, 3, 64, 64), walls().mul(255).round() / 255])
def test_what_is_too_small_black_or_clean_has_no_noise(v: Tensor) -> None:
    assert not DataWeights(sensor_noise(v), linear=True).noisy


def test_evidence_falls_with_noise_and_holds_where_there_is_texture() -> None:
    v = walls(1)
    assert float(DataWeights(NOISELESS, True).weight(v).min()) > 1 - 1e-5
    assert not DataWeights(Noise(0.0, PASSED**2)).noisy
    weight = DataWeights(Noise(4e-3, 2e-5), True).weight(noisy(v, Noise(4e-3, 2e-5)))
    assert float(weight[..., :60, :].median()) < 0.1 < 2 * float(weight[..., 84:, :].median())
    assert float(DataWeights(Noise(4e-4, 2e-6), True).weight(v)[..., :60, :].median()) > float(
        weight[..., :60, :].median()
    )
    residual = 0.05 * torch.randn(v.shape, generator=drawn(2))
    passed = DataWeights(Noise(0.0, 0.05**2)).signal_share(residual, v)
    assert float(passed.mean()) < 0.15
    assert float(DataWeights(NOISELESS).signal_share(residual, v).min()) == 1


def filmed() -> tuple[Tensor, Tensor]:
    """Stored values (24, 3, H, W) of a scene that moves, and the light (3, 3, H, W) of its exposures."""
    sharp, _ = film(Scene(64, 96), 3, 8, 1.0, lambda light: from_linear(torch.from_numpy(light), CURVE).numpy())
    stored = torch.from_numpy(sharp).permute(0, 3, 1, 2).float() / 255
    return stored, to_linear(stored, CURVE).unflatten(0, (3, 8)).mean(1)


def psnr(light: Tensor, stored: Tensor) -> float:
    u = restore(from_linear(light, CURVE), 8, 1.0, CURVE, "fast", scene_cuts=False)
    return float(-10 * (u - stored)[8:16].square().mean().log10())


def test_light_is_solved_as_a_display_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, light = filmed()
    shown = psnr(light, stored)
    monkeypatch.setattr(DataWeights, "metric", lambda self, v: None)
    monkeypatch.setattr(DataWeights, "step", lambda self, light: torch.ones_like(light))
    plain = psnr(light, stored)
    assert shown > plain + 0.5


def test_what_has_little_weight_is_taken_from_the_neighbours() -> None:
    """A still scene: where an exposure counts for nothing its key frame is what the others say."""
    v = torch.rand(3, 1, 24, 24, generator=drawn(3))
    still, seen = torch.zeros(3, 4, 24, 24), torch.ones(3, 2, 24, 24)

    def solved(data_weight: Tensor | None) -> Tensor:
        problem = KeyFrameProblem(v, still, seen, ((0.0,),) * 3, (1.0,) * 3, data_weight=data_weight)
        return problem.solve(60)

    one = torch.ones(3, 1, 24, 24)
    assert torch.equal(solved(one), solved(None))
    one[1] = 1e-4
    assert (solved(one)[1] - (v[0] + v[2]) / 2).abs().mean() < 0.3 * (solved(None)[1] - (v[0] + v[2]) / 2).abs().mean()


def test_noisy_light_is_restored_better_for_knowing_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, light = filmed()
    v = noisy(light, Noise(8e-3, 9e-5)).clamp(0, 1)
    with_it, clean = psnr(v, stored), psnr(light, stored)
    monkeypatch.setattr(engine, "sensor_noise", lambda light: NOISELESS)
    assert with_it > psnr(v, stored) + 1
    assert abs(clean - psnr(light, stored)) < 0.02
