"""Frames that were shaken by more than their motion (mode="auto"): how they are recognised, and what is done then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.blind.estimate.softness import softness
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.engine import independent_blur
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.independent_blur import SOFT, is_softer, places, unexplained_share
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import parse_options
from vsdeblur.window import Window

H, W, FAR = 96, 128, 12
TAUS = tuple((k + 0.5) / 12 - 0.5 for k in range(12))


@pytest.fixture(scope="module")
def sharp() -> Tensor:
    """(3, H, W) with as much contrast in every octave."""
    gen = torch.Generator().manual_seed(1)
    y, x = torch.fft.fftfreq(H)[:, None], torch.fft.rfftfreq(W)[None]
    phases = torch.polar(1 / torch.hypot(y, x).clamp(min=1 / W), 2 * math.pi * torch.rand(H, W // 2 + 1, generator=gen))
    grey = torch.fft.irfft2(phases, s=(H, W))
    return (0.5 + 0.15 * grey / grey.std()).expand(3, -1, -1)


def blurred(picture: Tensor, x: float, y: float) -> Tensor:
    """Along a way of so many pixels, over a torus."""
    steps = [(round(x * tau), round(y * tau)) for tau in TAUS]
    return torch.stack([picture.roll((dy, dx), (-2, -1)) for dx, dy in steps]).mean(0)


def path(x: float, y: float, count: int = 1) -> Tensor:
    return torch.tensor([x, y, 0.0, 0.0])[None, :, None, None].expand(count, -1, H, W).clone()


def line(length: int) -> Blur:
    """One kernel, that many pixels across."""
    kernel = torch.zeros(length, length)
    kernel[length // 2] = 1 / length
    return UniformBlur(kernel, (H, W))


def with_ripples(picture: Tensor) -> Tensor:
    return picture + 0.06 * torch.sin(torch.arange(W) * 1.3)


# The quick look


def test_what_is_sharp_has_fine_detail_in_every_direction(sharp: Tensor) -> None:
    assert softness(sharp[0], 0.001) > 2 * SOFT
    for x, y in ((FAR, 0), (0, FAR), (FAR, FAR)):
        assert softness(blurred(sharp, x, y)[0], 0.001) < SOFT / 2


def test_a_path_explains_its_own_blur_and_no_other(sharp: Tensor) -> None:
    seen = blurred(sharp, FAR, 0)[None]
    assert not is_softer(seen.mean(1), places(path(FAR, 0)), TAUS)
    assert is_softer(seen.mean(1), places(path(0, 0)), TAUS)
    assert is_softer(seen.mean(1), places(path(0, FAR)), TAUS)
    assert is_softer(seen.mean(1), places(path(3, 0)), TAUS)
    assert not is_softer(sharp[None].mean(1), places(path(0, 0)), TAUS)
    assert not is_softer(sharp[None].mean(1), places(path(FAR, FAR)), TAUS)


def test_noise_is_no_detail_and_nothing_is_no_blur(sharp: Tensor) -> None:
    noise = 0.02 * torch.randn(H, W, generator=torch.Generator().manual_seed(2))
    assert softness(blurred(sharp, FAR, 0)[0] + noise, 0.02) < SOFT
    assert softness(torch.full((H, W), 0.5), 0.001) == math.inf
    assert softness(0.5 + noise, 0.02) == math.inf
    assert not is_softer(torch.zeros(1, H, W), places(path(0, 0)), TAUS)


# The blur against the motion


def test_what_the_motion_tells_is_not_beyond_it() -> None:
    blur = line(FAR + 1)
    beside = (((0, 0), 1.0), ((FAR / 2, 0), 1.0), ((0, FAR / 2), 1.0))
    instead = (((FAR, 0), 0.0), ((2 * FAR, 0), 0.0), ((0, FAR), 0.0))  # who moved as far was not shaken instead
    for moved, wanted in beside + instead:
        assert torch.allclose(unexplained_share(blur, path(*moved), TAUS), torch.tensor(wanted), atol=0.02), moved
    for soft in (1, 5):  # no blur, and what the softness of a lens passes for
        assert not bool(unexplained_share(line(soft), path(0, 0), TAUS).any())


def test_beyond_is_told_place_by_place() -> None:
    moved = path(0, 0)
    moved[..., W // 2 :] = path(FAR, 0)[..., W // 2 :]
    share = unexplained_share(line(FAR + 1), moved, TAUS)
    assert share.shape == (1, 1, H, W)
    assert bool((share[..., : W // 3] > 0.95).all())
    assert bool((share[..., -W // 3 :] < 0.05).all())
    assert share.diff(dim=-1).abs().max() < 0.15
    coarse = unexplained_share(line(FAR + 1), moved[..., ::2, ::2], TAUS)
    assert coarse.shape == (1, 1, H // 2, W // 2)


# In the engine


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, sharp: Tensor) -> list[str]:
    """The true blur, and the sharp picture with ripples, stand in for finding and undoing it; what was called."""
    seen: list[str] = []

    def found(shown: Tensor) -> Blur:
        seen.append("find")
        return line(FAR + 1)

    def rippled(picture: Tensor, *, estimator: Callable[..., Any] | None = None, **_: Any) -> tuple[Tensor, Any]:
        seen.append("restore")
        assert estimator is not None
        return with_ripples(sharp), estimator(picture)

    monkeypatch.setattr(independent_blur, "estimate_blur", found)
    monkeypatch.setattr("vsdeblur.blind.frame.restore_frame", rippled)
    return seen


def rendered(v: Tensor, moved: Tensor, mode: str = "auto") -> Tensor:
    engine = Engine(parse_options(shutter=1.0, transfer="linear", device="cpu", preset="fast", mode=mode), H, W)
    seen = torch.ones(len(v), 2, H, W)
    seen[0, 1] = seen[-1, 0] = 0
    motion = Motion(moved, torch.ones(len(v), 1, H, W), seen)
    window = Window(v, 0, 0, len(v))
    return torch.stack(list(engine.restore(window, [n + 0.5 for n in range(len(v))], motion=motion)))


def test_sharp_frames_and_told_motion_cost_nothing(sharp: Tensor, calls: list[str]) -> None:
    still = sharp.expand(3, -1, -1, -1).contiguous()
    assert rendered(still, path(0, 0, 3)).equal(rendered(still, path(0, 0, 3), "joint"))
    panned = torch.stack([blurred(sharp.roll(FAR * n, -1), FAR, 0) for n in range(3)])
    assert rendered(panned, path(FAR, 0, 3)).equal(rendered(panned, path(FAR, 0, 3), "joint"))
    assert not calls


def test_a_shaken_frame_is_restored_and_mended_by_its_neighbours(sharp: Tensor, calls: list[str]) -> None:
    panned = [sharp.roll(2 * n, -1) for n in (-1, 0, 1, 2)]
    v = torch.stack([blurred(picture, FAR if n == 1 else 2, 0) for n, picture in enumerate(panned)])
    kept = v.clone()
    u, joint = (rendered(v, path(2, 0, 4), mode) for mode in ("auto", "joint"))
    assert calls == ["find", "restore"]
    assert v.equal(kept)

    def error(found: Tensor, n: int) -> float:
        return float((found - panned[n]).abs().mean())

    assert error(u[1], 1) < 0.8 * error(with_ripples(sharp), 1) < 0.8 * error(joint[1], 1)
    for n in (0, 2, 3):
        assert error(u[n], n) <= error(joint[n], n) + 1e-5


def test_what_does_not_pass_stays_joint(sharp: Tensor, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(independent_blur, "estimate_blur", lambda _: line(1))
    v = torch.stack((sharp, blurred(sharp, FAR, 0), sharp))
    assert rendered(v, path(0, 0, 3)).equal(rendered(v, path(0, 0, 3), "joint"))
    assert not calls


def test_all_together_with_the_engines_own_motion(sharp: Tensor, calls: list[str]) -> None:
    v = torch.stack((blurred(sharp, FAR, 0), blurred(sharp, 0, FAR)))
    u = restore(v, shutter=1.0, mode="auto", preset="fast", scene_cuts=False)
    assert calls.count("restore") == 2
    assert ((u - sharp).abs().mean((1, 2, 3)) < 0.7 * (v - sharp).abs().mean((1, 2, 3))).all()
