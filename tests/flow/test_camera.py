"""The path of a shaken camera: its blur, its derivative, when it is sought, and what it is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.shake import FACTOR, PERIODS, H, W, blur, picture, shaken
from vsdeblur import restore
from vsdeblur.camera.path import CameraPath
from vsdeblur.flow import camera, pairwise
from vsdeblur.flow.camera import find_camera_path
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.shake import blurred_like, camera_paths
from vsdeblur.flow.shifts import ERRATIC, is_shaken
from vsdeblur.flow.warp import warp
from vsdeblur.window import Window

pytestmark = pytest.mark.quick


def psnr(a: Tensor, b: Tensor) -> float:
    inner = slice(FACTOR, -FACTOR)
    return -10 * math.log10(float((a[inner] - b[inner]).square().mean()))


@pytest.mark.parametrize(("seed", "m"), [(1, 8), (2, 5)])
def test_the_path_is_found_from_blurry_frames(seed: int, m: int) -> None:
    sharp, where = shaken(seed)
    frames = blur(sharp, m)[:, 0]
    assert is_shaken(frames)
    shutter = m / FACTOR
    times = torch.arange(PERIODS) + shutter / 2
    path = find_camera_path(frames, times, torch.full((PERIODS,), shutter))
    assert path is not None
    t = (torch.arange(PERIODS * FACTOR).double() + 0.5) / FACTOR
    seen = path.at(t, path.centre[None])[:, 0].numpy()
    inside = slice(FACTOR, -FACTOR)  # the ends of the clip hang on one neighbour only
    error = (seen - where)[inside]
    error -= error.mean(0)  # where the world's origin lies is nobody's business
    assert np.sqrt((error**2).sum(1).mean()) < 0.5
    assert np.abs(np.diff(error, axis=0)).mean() < 0.2 * np.abs(np.diff(where, axis=0)).mean()


def test_the_derivative_is_that_of_the_energy() -> None:
    frames = blur(shaken()[0])[:, 0].double()
    fit = camera._Fit(frames, torch.arange(PERIODS).double(), torch.ones(PERIODS).double())
    path, _ = fit.start()
    path.knots.add_(0.01 * torch.randn(path.knots.shape, generator=torch.Generator().manual_seed(0)))
    frequencies, weight, keep = camera._band(fit.patch, 0.1)
    views = [fit._views(path, pair, weight, keep) for pair in range(PERIODS - 1)]
    _, normal, slope, _ = fit._linearised(path, views, frequencies)
    assert torch.linalg.eigvalsh(normal).min() > -1e-9
    for k, p in ((3, 0), (5, 1), (6, 2), (7, 3)):
        step = 1e-4 * (1 if p < 2 else 1 / W)
        energies = []
        for sign in (1, -1):
            knots = path.knots.clone()
            knots[k, p] += sign * step
            moved = CameraPath(knots, path.origin, path.spacing, path.centre)
            energies.append(fit._linearised(moved, views, frequencies)[0])
        # The gradient is of half the squares.
        assert (energies[0] - energies[1]) / (4 * step) == pytest.approx(float(slope.view(-1, 4)[k, p]), rel=1e-3)


def test_only_a_picture_that_jumps_as_a_whole_shakes() -> None:
    scene = torch.from_numpy(picture())
    pan = torch.stack([scene[60 : 60 + H, 20 + 12 * n : 20 + 12 * n + W] for n in range(5)])
    assert not is_shaken(pan)
    assert not is_shaken(pan[:1].expand(5, -1, -1))
    assert not is_shaken(blur(shaken()[0])[:2, 0])  # one pair tells of no change
    assert not is_shaken(torch.rand(5, 24, 24))
    crossed = scene[None, 60 : 60 + H, 20 : 20 + W].repeat(5, 1, 1) * 0.3
    for n, left in enumerate((0, 10, 40, 45, 75)):  # something large and bright jumps about before what stands still
        crossed[n, 20:70, left : left + 50] = scene[:50, :50]
    assert not is_shaken(crossed)
    assert camera_paths(pan[:, None], Window(pan[:, None], 0, 0, 5, colour=1), 1.0) is None


def test_a_pan_that_gathers_speed_is_a_camera_path() -> None:
    """OpenCV's flow sees no more of it than of a steady one, but its blur changes from frame to frame."""
    scene = torch.from_numpy(picture())
    step = math.ceil(ERRATIC * W) + 1
    lefts = [step * n * (n - 1) // 2 for n in range(5)]
    gathering = torch.stack([scene[60 : 60 + H, left : left + W] for left in lefts])
    assert is_shaken(gathering)
    paths = camera_paths(gathering[:, None], Window(gathering[:, None], 0, 0, 5, colour=1), 0.1)
    assert paths is not None
    assert paths[2, 0].mean() == pytest.approx(-1.5 * step, abs=0.5)  # the mean of what it moves before and after
    assert paths[2, 2].mean() == pytest.approx(-step, abs=0.5)


def test_unrelated_frames_have_no_camera_path() -> None:
    frames = torch.stack([torch.from_numpy(picture(seed))[:H, :W] for seed in range(5)])
    assert find_camera_path(frames, torch.arange(5), torch.ones(5)) is None


def test_each_scene_is_judged_by_itself() -> None:
    frames = blur(shaken()[0])
    still = torch.from_numpy(picture(9))[None, None, :H, :W].expand(4, -1, -1, -1)
    window = Window(torch.cat((still, frames)), 20, 0, 9, colour=1, cuts=frozenset({24}))
    paths = camera_paths(window.frames, window, 1.0)
    assert paths is not None
    assert paths[:4].abs().max() == 0
    alone = camera_paths(frames, Window(frames, 0, 0, 5, colour=1), 1.0)
    assert alone is not None
    torch.testing.assert_close(paths[4:], alone, atol=1e-3, rtol=0)


def test_the_paths_of_neighbours_meet() -> None:
    """psi_n leads to n + 1, and psi_{n+1} from there back; jerk and all."""
    frames = blur(shaken()[0])
    paths = camera_paths(frames, Window(frames, 0, 0, 5, colour=1), 1.0)
    assert paths is not None
    for n in range(4):
        ahead, behind = displacement(paths[n : n + 1], 1.0), displacement(paths[n + 1 : n + 2], -1.0)
        middle = (..., slice(40, 56), slice(56, 72))
        assert (ahead[middle] + behind[middle]).abs().max() < 0.3  # what the turn adds over the shift


def test_frames_with_each_others_blur_can_be_compared() -> None:
    frames = blur(shaken()[0])
    base = camera_paths(frames, Window(frames, 0, 0, 5, colour=1), 1.0)
    assert base is not None
    inner = (..., slice(30, -30), slice(36, -36))

    def gap(a: Tensor, b: Tensor, there: Tensor) -> float:
        return float((warp(b[None], there[None])[0] - a)[inner].abs().mean())

    for n in range(1, 4):
        ahead, behind = displacement(base[n - 1 : n], 1.0)[0], displacement(base[n : n + 1], -1.0)[0]
        a = blurred_like(frames[n - 1], base[n], ahead, 1.0)
        b = blurred_like(frames[n], base[n - 1], behind, 1.0)
        assert gap(a, b, ahead) < 0.5 * gap(frames[n - 1], frames[n], ahead)


def test_a_camera_that_explains_less_than_flow_alone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = torch.from_numpy(picture())
    pan = torch.stack([scene[60 : 60 + H, 20 + 3 * n : 20 + 3 * n + W] for n in range(5)])
    window = Window(pan[:, None], 0, 0, 5, colour=1)
    alone = PairwiseMotion(DisFlow("fast"), linear=False, camera=False)(window, 0.5)
    never_was = torch.full((5, 6, H, W), 5.0)
    monkeypatch.setattr(pairwise, "camera_paths", lambda light, window, shutter: never_was)
    assert torch.equal(PairwiseMotion(DisFlow("fast"), linear=False)(window, 0.5).path, alone.path)


@pytest.mark.parametrize("m", [8, 5])
def test_large_erratic_shake_is_restored_where_flow_alone_fails(m: int) -> None:
    sharp, _ = shaken(3)
    v = blur(sharp, m)
    kind = {"factor": FACTOR, "shutter": m / FACTOR, "quadrature": "taps", "preset": "fast"}
    repeated = psnr(v.repeat_interleave(FACTOR, 0), sharp)
    plain = psnr(restore(v, flow=PairwiseMotion(DisFlow("fast"), linear=False, camera=False), **kind), sharp)
    steadied = psnr(restore(v, **kind), sharp)
    assert steadied > max(plain, repeated) + 2
