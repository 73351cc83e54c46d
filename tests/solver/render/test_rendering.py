"""Instants between exposures."""

from __future__ import annotations

import torch

from tests.support.moving import gliding, inner
from tests.support.solved import solved_window
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.project import foreground_weight, positions
from vsdeblur.solver.render.compositing import composite, key_frame_layers
from vsdeblur.solver.render.geometry import key_frame_positions, whole_frame
from vsdeblur.solver.render.instant import render_instant
from vsdeblur.solver.render.solved import SolvedWindow

SPEED = 8  # pixels a period


def black(frames: torch.Tensor, cuts: frozenset[int] = frozenset()) -> SolvedWindow:
    """Black key frames that move by SPEED: whatever is seen comes from the residual."""
    n, _, height, width = frames.shape
    path = torch.zeros(n, 4, height, width)
    path[:, 0] = SPEED
    motion = Motion(path, torch.ones(n, 1, height, width), torch.ones(n, 2, height, width))
    return solved_window(torch.zeros_like(frames), frames, motion, 0.5, cuts=cuts)


def test_what_the_key_frames_lack_is_carried_from_shutter_to_shutter() -> None:
    """While the shutter is closed the residuals of both exposures move with the picture, and meet."""
    frames = gliding([(0, 0), (4, 0)])  # the first as it is at its closing, the second at its opening
    between = render_instant(black(frames), 0.75, lambda n: frames[n])
    expected = gliding([(2, 0)])[0]
    assert (inner(between) - inner(expected)).abs().max() < 1e-4


def test_the_residual_stands_still_while_the_shutter_is_open() -> None:
    frames = gliding([(0, 0), (4, 0)])
    for t in (0.1, 0.5):
        assert (render_instant(black(frames), t, lambda n: frames[n]) - frames[0]).abs().max() < 1e-6


def test_nothing_is_carried_across_a_cut() -> None:
    frames = torch.cat((gliding([(0, 0)]), gliding([(0, 0)], seed=9)))
    between = render_instant(black(frames, frozenset({1})), 0.75, lambda n: frames[n])
    assert (inner(between) - inner(gliding([(2, 0)])[0])).abs().max() < 1e-4


def test_points_that_are_missing_take_the_path_of_those_around() -> None:
    """The paths at the same place are those of the ground that it has left, or will come to."""
    height = width = 64
    path, weights = torch.zeros(2, 4, height, width), torch.zeros(2, 1, height, width)
    for n, left in enumerate((4, 34)):
        path[n, 0, 10:54, left : left + 24] = 30
        weights[n, 0, 10:54, left : left + 24] = (
            torch.rand(44, 24, generator=torch.Generator().manual_seed(0)) > 0.3
        ).float()
    to_left, to_right = positions(path[:1], path[1:], (weights[:1], weights[1:]), 0.5, 1.0, scale=1)
    assert (to_left[0, 0, 14:50, 23:39] + 15).abs().max() < 3
    assert (to_right[0, 0, 14:50, 23:39] - 15).abs().max() < 3


def test_a_small_fast_object_is_seen_where_it_is_at_the_instant() -> None:
    """Half-way it covers ground that neither key frame knows as moving."""
    height = width = 48
    keys, path = torch.zeros(2, 1, height, width), torch.zeros(2, 4, height, width)
    for n, left in enumerate((10, 30)):  # six pixels wide, moving by twenty
        keys[n, :, 20:28, left : left + 6] = 1
        path[n, 0, 20:28, left : left + 6] = 20
    motion = Motion(path, torch.ones(2, 1, height, width), torch.ones(2, 2, height, width))
    moving = solved_window(keys, keys, motion, 0.5, band=height)
    to_left, to_right = positions(
        path[:1], path[1:], (foreground_weight(path[:1]), foreground_weight(path[1:])), 0.5, 1.0, scale=1
    )
    assert (to_left[0, 0, 21:27, 21:25] + 10).abs().max() < 2
    assert (to_right[0, 0, 21:27, 21:25] - 10).abs().max() < 2
    assert to_left[0, :, 2:18].abs().max() == 0  # still ground stays where it is
    group = whole_frame(moving, 0, 0.75)  # 0.25 + 0.5: half-way between the middles
    layers = key_frame_layers(moving, key_frame_positions(moving, group))
    shown = composite(moving, layers, slice(0, height))[0, 0]
    assert shown[21:27, 22:24].min() > 0.9
