"""The scene-cut detector on synthetic scenes: cuts are found; motion, blur, flashes and noise are not cuts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vsdeblur.clip.cuts import find_cuts


def scene(
    seed: int, frames: int, *, height: int = 120, width: int = 192, speed: float = 3.0, channels: int = 3
) -> Tensor:
    """(frames, C, H, W) of a textured plane under a pan, linear light in [0, 1]."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((channels, height, width + int(speed * frames) + 1), np.float32)
    for _ in range(60):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, canvas.shape[2]))
        h, w = int(rng.integers(8, height // 2)), int(rng.integers(8, width // 2))
        canvas[:, y : y + h, x : x + w] = rng.random((channels, 1, 1))
    offsets = [int(speed * n) for n in range(frames)]
    return torch.from_numpy(np.stack([canvas[:, :, o : o + width] for o in offsets]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("start", [0, 100])
def test_cuts_between_scenes_are_numbered_in_the_clip(channels: int, start: int) -> None:
    clip = torch.cat([scene(seed, 4, channels=channels) for seed in (1, 2, 3)])
    assert find_cuts(clip, start) == {start + 4, start + 8}


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_between_scenes_of_the_same_brightness_is_found(seed: int) -> None:
    first, second = scene(10 + seed, 2), scene(20 + seed, 2)
    second = second * (first.mean() / second.mean())
    assert find_cuts(torch.cat([first, second]), 0) == {2}


@pytest.mark.parametrize("speed", [0.0, 3.0, 12.0])
def test_a_pan_is_not_a_cut(speed: float) -> None:
    assert find_cuts(scene(4, 6, speed=speed), 0) == frozenset()


def test_an_erratic_camera_is_not_a_cut() -> None:
    wide = scene(5, 1, height=200, width=280)[0]
    rng = np.random.default_rng(0)
    frames = [wide[:, y : y + 150, x : x + 230] for y, x in rng.integers(0, 25, (8, 2))]
    assert find_cuts(torch.stack(frames), 0) == frozenset()


def test_blur_of_one_frame_is_not_a_cut_and_cuts_between_blurred_scenes_are_found() -> None:
    first, second = scene(18, 16, speed=4), scene(19, 16, speed=4)
    blurred = torch.stack([part[i : i + 8].mean(0) for part in (first, second) for i in (0, 8)])
    assert find_cuts(blurred, 0) == {2}
    assert find_cuts(torch.stack([first[0], blurred[0], first[8]]), 0) == frozenset()


@pytest.mark.parametrize("gain", [0.3, 4.0])
def test_a_flash_is_not_a_cut(gain: float) -> None:
    clip = scene(8, 5)
    clip[2] = (clip[2] * gain).clamp(max=1)
    assert find_cuts(clip, 0) == frozenset()


def test_a_fade_is_not_a_cut() -> None:
    clip = scene(9, 10, speed=1) * torch.linspace(1, 0.02, 10)[:, None, None, None]
    assert find_cuts(clip, 0) == frozenset()


def test_noise_is_not_a_cut() -> None:
    clip = scene(10, 5) * 0.5
    clip = clip + 0.05 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))
    assert find_cuts(clip, 0) == frozenset()


def test_a_scene_that_opens_from_black_is_a_cut_and_black_itself_is_not() -> None:
    black = torch.zeros(3, 3, 120, 192)
    assert find_cuts(black, 0) == frozenset()
    assert find_cuts(torch.cat([black, scene(11, 2)]), 0) == {3}


@pytest.mark.parametrize("scale", [0.01, 1.0, 20.0])
def test_the_range_of_values_does_not_matter(scale: float) -> None:
    clip = torch.cat([scene(12, 3), scene(13, 3)]) * scale
    assert find_cuts(clip, 0) == {3}


def test_every_chunk_sees_the_same_cuts() -> None:
    clip = torch.cat([scene(seed, 3) for seed in (14, 15, 16)])
    whole = find_cuts(clip, 0)
    pairs = frozenset().union(*(find_cuts(clip[n : n + 2], n) for n in range(len(clip) - 1)))
    assert whole == pairs == {3, 6}


@pytest.mark.parametrize("size", [(16, 16), (17, 301), (301, 17), (16, 1000), (1, 1), (63, 2)])
def test_any_size_and_any_length_is_taken(size: tuple[int, int]) -> None:
    clip = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0))
    assert find_cuts(clip, 5) <= {6, 7}
    assert find_cuts(clip[:1], 5) == find_cuts(clip[:0], 5) == frozenset()


def test_damaged_values_do_no_harm() -> None:
    clip = scene(17, 3)
    clip[1, :, 3, 3] = float("nan")
    clip[1, :, 60, 90] = float("inf")
    clip[2, :, 50:52] = -1
    assert find_cuts(clip, 0) == frozenset()
