"""Clipped highlights: moving lights become points, and nothing else changes."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import solve_tiles as key_frames
from vsdeblur.flow.motion import Motion
from vsdeblur.solver.highlights import find_lights, white_level
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.synthetic.lights import Light, clipped, night

FINE, PERIODS, FACTOR, SHUTTER = 16, 3, 4, 0.75
SIZE = (64, 96)


@cache
def filmed() -> tuple[Tensor, Tensor]:
    """(light at FINE instants a period, clipped frames): three lights that glide with their ground."""
    times = [(k + 0.5) / FINE - PERIODS / 2 for k in range(PERIODS * FINE)]
    lights = (Light(30, 20, 2.0, 8.0), Light(60, 42, 3.0, 4.0), Light(70, 15, 1.5, 12.0))
    light = night(times, lights, SIZE, (9.0, 2.0))
    return light, clipped(light, FINE, SHUTTER)


def restored(v: Tensor) -> Tensor:
    return restore(v, FACTOR, SHUTTER, preset="fast", flow="dis")


def without_lights(v: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    with monkeypatch.context() as patch:
        patch.setattr(key_frames, "white_level", lambda frames: None)
        return restored(v)


def psnr(u: Tensor) -> float:
    """As a display shows both, of the middle period."""
    light = filmed()[0].unflatten(0, (-1, FINE // FACTOR))[:, 1:3].mean(1)
    inner = slice(FACTOR, -FACTOR)
    return float(-10 * (u.clamp(0, 1)[inner] - light.clamp(0, 1)[inner]).square().mean().log10())


def test_streaks_become_points_without_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    light, v = filmed()
    u, plain = restored(v), without_lights(v, monkeypatch)
    assert psnr(u) > psnr(plain) + 4
    dark = float(light[:, :, 20:50].min())  # rings undershoot the darkest ground
    assert float(u[FACTOR:-FACTOR].min()) > dark - 0.15


def test_the_exposure_is_as_bright_as_the_frame_says_at_least() -> None:
    v = filmed()[1]
    again = restored(v).unflatten(0, (-1, FACTOR))[1, :3].mean(0)
    whole = torch.nn.functional.max_pool2d(1 - (v[1:2] >= 1).float(), 3, 1, 1)[0] == 0
    assert whole.sum() > 50
    assert (again[whole] > 0.9).float().mean() > 0.95


def test_where_nothing_clips_no_light_is_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    v = 0.9 * filmed()[1]
    plain = restored(v)

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(key_frames, "find_lights", never)
    assert torch.equal(restored(v), plain)


def test_white_that_stands_still_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    v = filmed()[1][:1].repeat(3, 1, 1, 1)
    assert white_level(v) == 1
    assert torch.equal(restored(v), without_lights(v, monkeypatch))


def test_where_frames_clip() -> None:
    light, v = filmed()
    assert white_level(v) == 1
    assert white_level(light) is None  # values above 1 that do not clip
    assert white_level(light.clamp(max=3.0)) == 3
    assert white_level(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))) is None
    assert white_level(0.5 * v) is None
    assert white_level(v.new_full((1, 3, 16, 16), float("inf"))) is None
    # Compression makes the plateau uneven and overshoots here and there.
    rough = v + 0.006 * torch.randn(v.shape, generator=torch.Generator().manual_seed(1))
    found = white_level(rough)
    assert found is not None
    assert abs(found - 1) < 0.02


@pytest.mark.parametrize(("transfer", "top"), [("pq", 3.0), ("hlg", 2.5)])
def test_hdr_clips_above_white_and_keeps_what_is_there(
    transfer: str, top: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sensor that clips at ``top``: below it values above 1 survive, and its lights are found beyond it."""
    light = filmed()[0]
    exposed = light.unflatten(0, (-1, FINE))[:, : round(SHUTTER * FINE)].mean(1).clamp(max=top)
    stored = (from_linear(exposed, transfer) * 1023).round() / 1023

    def found() -> Tensor:
        return to_linear(restore(stored, FACTOR, SHUTTER, transfer, "fast", "dis"), transfer)[FACTOR:-FACTOR]

    assert white_level(to_linear(stored, transfer)) == pytest.approx(top, rel=0.02)
    u = found()
    assert bool(((u > 1.2) & (u < top)).any())
    assert float(u.max()) > 1.2 * top
    truth = light.unflatten(0, (-1, FINE // FACTOR))[:, 1:3].mean(1)[FACTOR:-FACTOR]
    monkeypatch.setattr(key_frames, "white_level", lambda frames: None)

    def error(x: Tensor) -> float:
        return float(
            (from_linear(x.clamp(max=top), transfer) - from_linear(truth.clamp(max=top), transfer)).square().mean()
        )

    assert error(u) < 0.7 * error(found())


def test_alpha_is_no_light() -> None:
    """And pictures whose lights reach the border are no exception."""
    v = torch.cat((filmed()[1], torch.ones(PERIODS, 1, *SIZE)), 1)[..., 8:60]
    path = torch.zeros(PERIODS, 4, SIZE[0], 52)
    path[:, 0], path[:, 1] = 9, 2
    motion = Motion(path, torch.ones_like(path[:, :1]), torch.ones_like(path[:, :2]))
    taus = ((-0.3, -0.1, 0.1, 0.3),) * PERIODS
    problem = KeyFrameProblem(v, motion.path, motion.occlusion, taus, (1.0,) * PERIODS)
    lights = find_lights(problem, 1.0, 3)
    assert lights is not None
    assert torch.equal(lights.below[:, 3], v[:, 3])
    assert not lights.above[:, 3].any()
    assert float(lights.above[:, :3].max()) > 2
    assert find_lights(problem, 1.5, 3) is None
