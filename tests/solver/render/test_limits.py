"""Instants are kept within the exposures beside strong edges, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.support.solved import solved_window
from vsdeblur.colour.display import from_display, to_display
from vsdeblur.flow.motion import Motion
from vsdeblur.solver.render.limits import RADIUS, limited
from vsdeblur.solver.render.solved import SolvedWindow

pytestmark = pytest.mark.quick

H, W = 40, 64


def window(low: float, high: float, count: int = 3, shutter: float = 0.5) -> SolvedWindow:
    """Still exposures, ``low`` on the left of an edge and ``high`` on its right."""
    frames = torch.full((count, 3, H, W), low)
    frames[..., W // 2 :] = high
    motion = Motion(torch.zeros(count, 4, H, W), torch.ones(count, 1, H, W), torch.ones(count, 2, H, W))
    return solved_window(frames.clone(), frames, motion, shutter, start=10)


def with_halo(solved: SolvedWindow, n: int, by: float) -> Tensor:
    """Frame n with a rim of two pixels on either side of the edge, and the same rim far from it."""
    u = solved.frames[n].clone()
    for at in (W // 2, W // 2 + 20):
        u[..., at : at + 2] += by
    for at in (W // 2 - 2, W // 2 - 20):
        u[..., at : at + 2] -= by
    return u


def test_a_rim_beside_a_strong_edge_is_taken_away_and_detail_elsewhere_is_kept() -> None:
    solved = window(0.1, 0.8)
    u = with_halo(solved, 1, 0.08)
    found = limited(solved, linear=False)(u.clone(), 11.3)
    near = slice(W // 2 - 2, W // 2 + 2)
    torch.testing.assert_close(found[..., near], solved.frames[1][..., near])
    far = [W // 2 - 20, W // 2 + 20]
    assert torch.equal(found[..., far], u[..., far])


def test_nothing_is_limited_where_the_exposures_hardly_differ() -> None:
    solved = window(0.4, 0.6)
    u = with_halo(solved, 1, 0.3)
    assert torch.equal(limited(solved, linear=False)(u.clone(), 11.3), u)


def test_light_is_limited_as_a_display_shows_it() -> None:
    shown = window(0.1, 0.8)
    solved = replace(shown, frames=from_display(shown.frames), keys=from_display(shown.keys))
    u = with_halo(shown, 1, 0.08)
    found = to_display(limited(solved, linear=True)(from_display(u), 11.3))
    torch.testing.assert_close(found, limited(shown, linear=False)(u.clone(), 11.3), rtol=0, atol=1e-5)


def test_clipped_lights_may_be_brighter_than_white() -> None:
    solved = window(0.1, 1.0)
    u = with_halo(solved, 1, 0.08)
    found = limited(solved, linear=False)(u.clone(), 11.3)
    assert torch.equal(found[..., W // 2 :], u[..., W // 2 :])
    torch.testing.assert_close(found[..., W // 2 - 2 : W // 2], solved.frames[1][..., W // 2 - 2 : W // 2])


def test_the_range_is_that_of_the_two_nearest_exposures() -> None:
    """The edge has moved far in frame 2: before mid-exposure of frame 1 that does not count, after it, it does."""
    solved = window(0.1, 0.8)
    solved.frames[2] = solved.frames[2].roll(-16, -1)
    u = solved.frames[1].clone()
    place = W // 2 - RADIUS  # sees the edge of frame 1, and the bright side of frame 2
    u[..., place] = 0.9
    limit = limited(solved, linear=False)
    for t in (11.1, 11.4):
        assert float(limit(u.clone(), t)[0, 0, place]) == pytest.approx(0.8)
    u[..., place - 6] = 0.5  # in frame 1 only dark
    assert float(limit(u.clone(), 11.1)[0, 0, place - 6]) == pytest.approx(0.5)
    u[..., place - 6] = 0.9
    assert float(limit(u.clone(), 11.4)[0, 0, place - 6]) == pytest.approx(0.8)


def test_a_cut_is_the_end_of_a_clip() -> None:
    solved = window(0.1, 0.8)
    solved.frames[2] = solved.frames[2].roll(-16, -1)
    solved = replace(solved, cuts=frozenset({12}))
    u = solved.frames[1].clone()
    u[..., W // 2 - RADIUS] = 0.9
    u[..., W // 2 - RADIUS - 6] = 0.9  # bright beyond the cut alone
    found = limited(solved, linear=False)(u.clone(), 11.4)
    assert float(found[0, 0, W // 2 - RADIUS]) == pytest.approx(0.8)
    assert float(found[0, 0, W // 2 - RADIUS - 6]) == pytest.approx(0.9)


def test_rows_of_a_rolling_shutter_have_the_exposures_of_their_own_time() -> None:
    solved = window(0.1, 0.8, shutter=1.0)
    solved.frames[2] = solved.frames[2].roll(-16, -1)
    delays = torch.zeros(3, H, dtype=torch.float64)
    delays[:, H // 2 :] = 0.4
    solved = replace(solved, delays=delays)
    u = solved.frames[1].clone()
    place = W // 2 - RADIUS - 6  # bright in frame 2 alone, near no edge of frame 1
    u[..., place] = 0.95
    found = limited(solved, linear=False)(u.clone(), 11.7)  # the late rows are before mid-exposure of frame 1
    assert float(found[0, 0, place]) == pytest.approx(0.8)
    assert float(found[0, -1, place]) == pytest.approx(0.95)
