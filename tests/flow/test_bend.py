"""The cubic part of paths from where points are two frames away."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from vsdeblur.flow.bend import BentMotion, bend_of
from vsdeblur.flow.motion import Motion, displacement, through
from vsdeblur.window import Window

SIZE = (24, 32)


def along(times: list[float], place: Tensor) -> tuple[Motion, tuple[float, ...]]:
    """The parabolas through neighbours of a picture that is, as a whole, at ``place`` (2, n) at ``times``."""
    durations = [b - a for a, b in pairwise(times)]
    spans = (1.0, *(durations[k - 1] / durations[k] for k in range(1, len(durations))), 1.0)
    paths = []
    for n in range(len(times)):
        onward = place[:, n + 1] - place[:, n] if n + 1 < len(times) else None
        back = place[:, n - 1] - place[:, n] if n else None
        both = [None if x is None else x.view(2, 1, 1).expand(2, *SIZE) for x in (onward, back)]
        paths.append(through(both[0], both[1], spans[n] if n + 1 < len(times) else 1.0))
    ones = torch.ones(len(times), 2, *SIZE)
    ones[0, 1], ones[-1, 0] = 0, 0
    return Motion(torch.stack(paths), torch.ones(len(times), 1, *SIZE), ones), spans


def cubic(times: list[float], jerk: tuple[float, float] = (12.0, -6.0)) -> Tensor:
    t = torch.tensor(times)
    velocity, acceleration, third = torch.tensor([[20.0], [-9.0]]), torch.tensor([[3.0], [2.0]]), torch.tensor(jerk)
    return velocity * t + acceleration * t**2 / 2 + third[:, None] * t**3 / 6


@pytest.mark.parametrize("times", [[-2, -1, 0, 1, 2], [-2.5, -1.5, 0, 1, 1.5]], ids=["even", "uneven"])
def test_the_bend_of_a_cubic_is_found(times: list[float]) -> None:
    motion, spans = along(times, cubic(times))
    found = bend_of(motion, 2, spans)
    assert found is not None
    assert torch.allclose(found.mean((2, 3)), torch.tensor([[2.0, -1.0]]), rtol=0.03)  # a sixth of the jerk


@pytest.mark.parametrize("number", [1, 2], ids=["only after", "only before"])
def test_a_side_that_is_missing_says_that_there_is_no_bend(number: int) -> None:
    times = [-1.0, 0.0, 1.0, 2.0] if number == 1 else [-2.0, -1.0, 0.0, 1.0]
    motion, spans = along(times, cubic(times))
    found = bend_of(motion, number, spans)
    assert found is not None
    share = found.mean((2, 3)) / torch.tensor([[2.0, -1.0]])
    assert torch.all((share > 0.3) & (share < 0.5))


def test_what_both_sides_disagree_on_is_left_out() -> None:
    times = [-2.0, -1.0, 0.0, 1.0, 2.0]
    place = cubic(times, (0.0, 0.0))
    place[:, 0] += torch.tensor([6.0, 0.0])
    place[:, 4] += torch.tensor([9.0, 0.0])  # of an even and an odd part most is even
    motion, spans = along(times, place)
    found = bend_of(motion, 2, spans)
    assert found is not None
    assert found[:, 0].abs().max() < 0.06  # 0.25 by the mean of both


def test_points_that_are_not_seen_there_do_not_bend() -> None:
    times = [-2.0, -1.0, 0.0, 1.0, 2.0]
    motion, spans = along(times, cubic(times))
    motion.occlusion[3, 0], motion.occlusion[1, 1] = 0, 0
    found = bend_of(motion, 2, spans)
    assert found is not None
    assert found.abs().max() == 0


def test_the_ends_have_no_bend() -> None:
    times = [-1.0, 0.0, 1.0]
    motion, spans = along(times, cubic(times))
    assert bend_of(motion, 0, spans) is bend_of(motion, 2, spans) is None
    middle = bend_of(motion, 1, spans)
    assert middle is not None
    assert not middle.any()


@dataclass
class Found:
    """An engine that returns the same motion always."""

    motion: Motion
    is_motion_engine: bool = field(default=True)

    def __call__(self, window: Window, shutter: float) -> Motion:
        return self.motion


def test_paths_still_meet_their_neighbours() -> None:
    times = [-2.0, -1.0, 0.0, 1.0, 2.0]
    motion, _ = along(times, cubic(times))
    found = BentMotion(Found(motion))(Window(torch.zeros(5, 3, *SIZE), 0, 0, 5), 0.5)
    assert found.path.shape == (5, 6, *SIZE)
    for tau in (-1.0, 1.0):
        assert torch.allclose(displacement(found.path, tau), displacement(motion.path, tau), atol=1e-4)
    wanted = cubic([0.5])[:, 0] - cubic([0.0])[:, 0]
    assert (displacement(found.path[2:3], 0.5).mean((0, 2, 3)) - wanted).abs().max() < 0.05
    assert (displacement(motion.path[2:3], 0.5).mean((0, 2, 3)) - wanted).abs().max() > 0.7


def test_still_pictures_and_cubic_paths_stay_as_they_are() -> None:
    times = [-2.0, -1.0, 0.0, 1.0, 2.0]
    still, _ = along(times, torch.zeros(2, 5))
    window = Window(torch.zeros(5, 3, *SIZE), 0, 0, 5)
    assert BentMotion(Found(still))(window, 0.5) is still
    known = Motion(torch.ones(5, 6, *SIZE), still.reliability, still.occlusion)
    assert BentMotion(Found(known))(window, 0.5) is known
