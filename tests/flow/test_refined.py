"""Further passes of motion: taken where they are consistent, and nowhere else."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from vsdeblur.flow.motion import Motion
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.refined import RefinedMotion
from vsdeblur.window import Window

N, H, W = 3, 24, 40
LEFT, RIGHT = (..., slice(0, 14)), (..., slice(26, W))  # farther from the middle than means reach


def motion(velocity: float, visible: Tensor, channels: int = 4) -> Motion:
    path = torch.zeros(N, channels, H, W)
    path[:, 0] = velocity
    return Motion(path, torch.full((N, 1, H, W), velocity / 10), visible)


class Pass:
    """A pass that finds another motion, consistent with both neighbours on the left alone."""

    def __init__(self) -> None:
        self.calls = 0
        self.visible = torch.zeros(N, 2, H, W)
        self.visible[LEFT[0], : W // 2] = 1
        self.visible[:, 0] = 1  # with the next one everywhere

    def refined(self, window: Window, shutter: float, before: Motion) -> Motion:
        self.calls += 1
        return motion(4.0, self.visible)


def engine(first: Motion, further: Pass, times: int = 1) -> Motion:
    pairs = cast("PairwiseMotion", further)
    return RefinedMotion(lambda window, shutter: first, pairs, times)(Window(torch.zeros(N, 3, H, W), 0, 0, N), 0.5)


def test_a_pass_counts_where_it_is_consistent_with_both_neighbours_and_a_part_of_it_elsewhere() -> None:
    further = Pass()
    found = engine(motion(2.0, torch.zeros(N, 2, H, W)), further)
    assert further.calls == 1
    for part, velocity in ((LEFT, 4.0), (RIGHT, 2.6)):
        assert found.path[:, :1][part].flatten().tolist() == pytest.approx([velocity] * found.path[:, :1][part].numel())
        assert found.reliability[part].mean() == pytest.approx(velocity / 10)
    assert found.occlusion[LEFT].min() == 1
    assert float(found.occlusion[RIGHT][:, 0].mean()) == pytest.approx(0.3)
    assert not found.occlusion[RIGHT][:, 1].any()


def test_nothing_is_refined_where_nothing_moves_or_a_cameras_path_is_known() -> None:
    further = Pass()
    still = engine(motion(0.0, torch.ones(N, 2, H, W)), further)
    assert not still.path.any()
    shaken = motion(3.0, torch.ones(N, 2, H, W), channels=6)
    assert engine(shaken, further) is shaken
    assert further.calls == 0
