"""Motions of planes: their velocities, and the paths along them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vsdeblur.blind.local.motion import PlanarMotion, pixels_of

ABOUT = torch.tensor([40.0, 25.0])
POINTS = torch.tensor([[0.0, 0.0], [63.0, 10.0], [40.0, 25.0], [12.0, 90.0]])
TILTING = PlanarMotion(torch.tensor([[0.05, -0.1, 3.0], [0.2, 0.1, -2.0], [4e-4, -3e-4, 0.0]]))


def moved(path: Tensor, points: Tensor) -> Tensor:
    """(T, N, 2)."""
    seen = torch.cat((points, torch.ones(len(points), 1)), 1) @ path.mT
    return seen[..., :2] / seen[..., 2:]


def test_a_straight_path_has_its_middle_at_rest() -> None:
    path = PlanarMotion.straight(math.pi / 2, 15.0).path(15)
    assert path[:, 1, 2].tolist() == pytest.approx([k - 7 for k in range(15)], abs=1e-4)
    assert path[:, 0, 2].abs().max() < 1e-4
    assert torch.equal(path[:, :, :2], torch.eye(3)[:, :2].expand(15, -1, -1))


def test_what_turns_keeps_its_distance() -> None:
    path = PlanarMotion.similar(torch.tensor([0.0, 0.0, 0.0, 0.6]), ABOUT).path(9)
    away = moved(path, POINTS) - ABOUT
    assert torch.allclose(away.norm(dim=-1), (POINTS - ABOUT).norm(dim=-1).expand(9, -1), atol=1e-3)
    angle = torch.atan2(away[..., 1], away[..., 0])[:, [0, 1, 3]].diff(dim=0)
    assert torch.allclose(angle, torch.full_like(angle, 0.6 / 9), atol=1e-4)


def test_what_comes_nearer_grows_by_equal_factors() -> None:
    path = PlanarMotion.similar(torch.tensor([0.0, 0.0, 0.3, 0.0]), ABOUT).path(5)
    away = (moved(path, POINTS[:2]) - ABOUT).norm(dim=-1) / (POINTS[:2] - ABOUT).norm(dim=-1)
    assert torch.allclose(away, torch.exp(0.3 * (torch.arange(5) - 2) / 5)[:, None].expand(-1, 2), atol=1e-4)


@pytest.mark.parametrize(
    "motion", [TILTING, PlanarMotion.similar(torch.tensor([5.0, -3.0, 0.1, 0.2]), ABOUT)], ids=["tilting", "similar"]
)
def test_paths_go_with_the_velocity(motion: PlanarMotion) -> None:
    count = 401
    path = motion.path(count)
    middle = count // 2
    assert torch.allclose(path[middle], torch.eye(3), atol=1e-6)
    ways = (moved(path[middle + 1 :][:1], POINTS) - moved(path[middle - 1 :][:1], POINTS))[0] * (count / 2)
    assert torch.allclose(ways, motion.velocity(POINTS), atol=0.05)


def test_a_similar_motion_shifts_its_point() -> None:
    motion = PlanarMotion.similar(torch.tensor([5.0, -3.0, 0.1, 0.2]), ABOUT)
    assert torch.allclose(motion.velocity(ABOUT[None])[0], torch.tensor([5.0, -3.0]), atol=1e-4)


def test_velocities_turn_and_grow() -> None:
    motion = PlanarMotion.similar(torch.tensor([5.0, -3.0, 0.1, 0.2]), ABOUT)
    before, after = (torch.view_as_complex(m.velocity(POINTS)) for m in (motion, motion.turned(0.7, 1.5)))
    assert torch.allclose(after, before * 1.5 * complex(math.cos(0.7), math.sin(0.7)), atol=1e-4)


@pytest.mark.parametrize("motion", [TILTING, PlanarMotion.straight(0.3, 9.0)], ids=["tilting", "straight"])
def test_a_larger_picture_moves_farther(motion: PlanarMotion) -> None:
    where = 3 * (POINTS + 0.5) - 0.5  # middles of pixels
    assert torch.allclose(motion.enlarged(3).velocity(where), 3 * motion.velocity(POINTS), atol=1e-3)


def test_pixels_of_a_mask() -> None:
    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[1, 5] = mask[3, 2] = True
    assert pixels_of(mask).tolist() == [[5, 1], [2, 3]]
