"""From pairwise flow to paths, trust and occlusion, and DIS as the pairwise flow."""

from __future__ import annotations

import cv2
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.moving import H, W, gliding, inner, texture
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.motion import Motion, bent, displacement, through
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.resolution import motion_scale
from vsdeblur.window import Window

pytestmark = pytest.mark.quick


class Given:
    """A pairwise flow that knows where each frame lies: frame n is all n / 10, and lies at x = where[n]."""

    def __init__(self, where: list[float]) -> None:
        self.where = where

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        m, n = (round(float(x.mean()) * 10) for x in (a, b))
        flow = torch.zeros(2, *a.shape[-2:])
        flow[0] = self.where[n] - self.where[m]
        return flow


def find(where: list[float], **window: object) -> Motion:
    frames = torch.stack([torch.full((1, 20, 24), n / 10) for n in range(len(where))])
    return PairwiseMotion(Given(where), linear=False)(Window(frames, 0, 0, len(where), colour=1, **window), 1.0)


def test_a_path_meets_both_neighbours() -> None:
    where = [0.0, 3.0, 4.0, 9.0]
    motion = find(where)
    for n in (1, 2):
        path = motion.path[n : n + 1]
        assert displacement(path, 1.0)[0, 0].mean() == pytest.approx(where[n + 1] - where[n], abs=1e-5)
        assert displacement(path, -1.0)[0, 0].mean() == pytest.approx(where[n - 1] - where[n], abs=1e-5)
    # At the ends there is one neighbour, and the path is straight.
    assert displacement(motion.path[:1], 1.0)[0, 0].mean() == pytest.approx(3)
    assert displacement(motion.path[3:], -1.0)[0, 0].mean() == pytest.approx(-5)
    assert motion.path[[0, 3], 2:].abs().max() == 0


def test_a_path_meets_both_neighbours_when_durations_differ() -> None:
    """Frames at 0, 1, 3, 4 of a body with constant acceleration: its speed and acceleration are found exactly."""
    times = [0.0, 1.0, 3.0, 4.0]
    where = [2 * t + 0.5 * t * t for t in times]
    durations = (1.0, 2.0, 1.0, 1.0)
    motion = find(where, durations=durations)
    for n in (1, 2):
        path, ratio = motion.path[n : n + 1], durations[n - 1] / durations[n]
        assert displacement(path, 1.0)[0, 0].mean() == pytest.approx(where[n + 1] - where[n], abs=1e-5)
        assert displacement(path, -ratio)[0, 0].mean() == pytest.approx(where[n - 1] - where[n], abs=1e-5)
        speed, acceleration = path[0, 0].mean(), path[0, 2].mean()  # per period of frame n
        assert speed == pytest.approx((2 + times[n]) * durations[n], abs=1e-4)
        assert acceleration == pytest.approx(durations[n] ** 2, abs=1e-4)
    last = displacement(motion.path[3:], -1.0)
    assert last[0, 0].mean() == pytest.approx(where[2] - where[3], abs=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_a_bent_path_meets_the_same_neighbours(ratio: float) -> None:
    forward, backward, bend = (torch.tensor(x).view(2, 1, 1) for x in ([3.0, 1.0], [-2.0, 0.5], [0.4, -0.2]))
    even = through(forward, backward, ratio)
    path = bent(even, bend, ratio)[None]
    torch.testing.assert_close(displacement(path, 1.0)[0], forward)
    torch.testing.assert_close(displacement(path, -ratio)[0], backward)
    tau = 0.3
    added = displacement(path, tau) - displacement(even[None], tau)
    torch.testing.assert_close(added[0], bend * tau * (tau - 1) * (tau + ratio))


def test_nothing_is_seen_beyond_the_ends_and_across_cuts() -> None:
    frames = gliding([(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)])
    window = Window(frames, 10, 0, 5, colour=1, cuts=frozenset({12}))
    motion = PairwiseMotion(DisFlow())(window, 1.0)
    for n, side in ((0, 1), (1, 0), (2, 1), (4, 0)):
        assert motion.occlusion[n, side].max() == 0
    for n, side in ((0, 0), (1, 1), (2, 0), (3, 0), (3, 1), (4, 1)):
        assert inner(motion.occlusion[n, side]).min() > 0.9
    for n in range(5):  # every frame still has one neighbour, and its motion
        assert inner(displacement(motion.path[n : n + 1], 1.0)[0, 0]).mean() == pytest.approx(1, abs=0.1)
        assert inner(motion.reliability[n]).min() > 0.8


def test_a_frame_alone_in_its_scene_does_not_move() -> None:
    frames = gliding([(0, 0), (4, 0), (8, 0)])
    motion = PairwiseMotion(DisFlow())(Window(frames, 0, 0, 3, colour=1, cuts=frozenset({1, 2})), 1.0)
    assert motion.path.abs().max() == motion.reliability.max() == motion.occlusion.max() == 0


def test_a_shifted_texture_has_the_flow_of_its_shift() -> None:
    frames = gliding([(0, 0), (3, -2), (6, -4)])
    motion = PairwiseMotion(DisFlow(), linear=False)(Window(frames, 0, 0, 3, colour=1), 1.0)
    middle = inner(displacement(motion.path[1:2], 1.0)[0])
    assert (middle - torch.tensor([3.0, -2.0])[:, None, None]).abs().max() < 0.5
    assert (middle - torch.tensor([3.0, -2.0])[:, None, None]).abs().mean() < 0.1


def test_what_changes_without_motion_is_not_trusted() -> None:
    a, b = gliding([(0, 0)], seed=1), gliding([(0, 0)], seed=2)
    strange = PairwiseMotion(DisFlow(), linear=False)(Window(torch.cat((a, b)), 0, 0, 2, colour=1), 1.0)
    same = PairwiseMotion(DisFlow(), linear=False)(Window(torch.cat((a, a)), 0, 0, 2, colour=1), 1.0)
    assert strange.reliability.mean() < 0.5
    assert same.reliability.min() > 0.95


def test_what_an_object_covers_is_not_seen_again() -> None:
    ground, sprite = texture(H, W, 3), texture(24, 24, 4).clamp(0.6, 0.9)
    frames = torch.stack([ground, ground])
    frames[0, :, 20:44, 30:54] = sprite
    frames[1, :, 20:44, 42:66] = sprite  # 12 px to the right
    motion = PairwiseMotion(DisFlow(), linear=False)(Window(frames, 0, 0, 2, colour=1), 1.0)
    to_come = motion.occlusion[0, 0]
    assert to_come[24:40, 57:64].mean() < 0.5  # will be covered
    assert to_come[:12].mean() > 0.9
    assert to_come[24:40, 34:46].mean() > 0.9


def test_motion_is_found_on_smaller_pictures_and_given_in_full_pixels() -> None:
    assert [motion_scale(480, 640), motion_scale(720, 1280), motion_scale(1080, 1920), motion_scale(2160, 3840)] == [
        1,
        2,
        2,
        4,
    ]
    big = F.interpolate(gliding([(0, 0), (3, 1)], 48, 325), scale_factor=2, mode="bilinear")
    motion = PairwiseMotion(DisFlow(), linear=False)(Window(big, 0, 0, 2, colour=1), 1.0)
    assert motion.path.shape[-2:] == (48, 325)
    moved = inner(displacement(motion.path[:1], 1.0)[0]).mean((1, 2))
    assert moved.tolist() == pytest.approx([6, 2], abs=0.2)


def test_alpha_does_not_drive_motion() -> None:
    frames = gliding([(0, 0), (3, 0)])
    alpha = torch.rand(2, 1, H, W, generator=torch.Generator().manual_seed(0))
    with_alpha = PairwiseMotion(DisFlow())(Window(torch.cat((frames, alpha), 1), 0, 0, 2, colour=1), 1.0)
    without = PairwiseMotion(DisFlow())(Window(frames, 0, 0, 2, colour=1), 1.0)
    assert torch.equal(with_alpha.path, without.path)
    assert torch.equal(with_alpha.reliability, without.reliability)


@pytest.mark.parametrize("size", [(16, 16), (16, 80), (33, 17), (47, 48), (100, 20)])
@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_dis_takes_tiny_pictures(size: tuple[int, int], preset: str) -> None:
    a, b = gliding([(0, 0), (1, 0)], *size)
    flow = DisFlow(preset)(a, b)
    assert flow.shape == (2, *size)
    assert torch.isfinite(flow).all()
    assert flow.abs().max() < max(size)
    assert DisFlow(preset)(a, a).abs().max() == 0


def test_dis_follows_colour_pictures() -> None:
    a, b = gliding([(0, 0), (2, 3)])
    flow = DisFlow()(a.expand(3, -1, -1), b.expand(3, -1, -1))
    assert inner(flow).mean((1, 2)).tolist() == pytest.approx([2, 3], abs=0.2)


@pytest.mark.parametrize("shift", [(20, 0), (15, -14), (27, 3)])
def test_a_large_erratic_shift_is_found(shift: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """20 px a period at 256 px wide, of fine detail that DIS alone loses."""
    big = texture(272, 384, octaves=((2, 1.0),))
    a, b = (big[:, 64 - y : 208 - y, 64 - x : 320 - x] for x, y in ((0, 0), shift))
    wanted = torch.tensor(shift, dtype=torch.float32)[:, None, None]

    def error() -> float:
        return float(inner(DisFlow()(a, b) - wanted, 32).norm(dim=0).median())

    assert error() < 0.5
    monkeypatch.setattr("vsdeblur.flow.dis._ERRATIC", 10.0)
    assert error() > 10


def test_the_number_of_threads_of_opencv_changes_nothing() -> None:
    a, b = gliding([(0, 0), (3, 2)], 96, 128)
    before, flows = cv2.getNumThreads(), []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            flows.append(DisFlow()(a, b))
            assert cv2.getNumThreads() == threads  # and it is left as it was
    finally:
        cv2.setNumThreads(before)
    assert torch.equal(*flows)


def test_any_callable_is_taken_as_flow() -> None:
    frames = gliding([(0, 0), (2, 0)])
    shown: list[tuple[float, float]] = []

    def flow(a: Tensor, b: Tensor) -> Tensor:
        shown.append((float(a.min()), float(a.max())))
        return torch.stack((a[0] * 0 + 2.0 * (1 if len(shown) == 1 else -1), a[0] * 0))

    motion = find_motion_engine(flow)(Window(frames * 3, 0, 0, 2, colour=1), 1.0)
    assert displacement(motion.path[:1], 1.0)[0, 0].mean() == pytest.approx(2)
    assert displacement(motion.path[1:], 1.0)[0, 0].mean() == pytest.approx(2)
    assert len(shown) == 2
    assert all(0 <= low <= high <= 1 for low, high in shown)


def test_a_motion_engine_is_taken_as_it_is() -> None:
    class Still:
        is_motion_engine = True

        def __call__(self, window: Window, shutter: float) -> Motion:
            raise AssertionError

    engine = Still()
    assert find_motion_engine(engine) is engine


def test_flows_that_mean_nothing_are_refused() -> None:
    window = Window(gliding([(0, 0), (2, 0)]), 0, 0, 2, colour=1)
    with pytest.raises(ArgumentError, match="flow"):
        find_motion_engine("no such flow")
    for bad, says in (
        (lambda a, b: torch.zeros(2, 5, 5), "shape"),
        (lambda a, b: None, "shape"),
        (lambda a, b: torch.full((2, H, W), float("nan")), "finite"),
    ):
        with pytest.raises(DeblurError, match=says):
            PairwiseMotion(bad)(window, 1.0)


def test_motion_knows_what_the_frame_was_divided_by() -> None:
    def motion(height: int, width: int) -> Motion:
        return Motion(
            torch.zeros(1, 4, height, width), torch.zeros(1, 1, height, width), torch.zeros(1, 2, height, width)
        )

    assert [motion(33, 47).scale(33, 47), motion(17, 24).scale(33, 47), motion(9, 12).scale(33, 47)] == [1, 2, 4]
    with pytest.raises(DeblurError, match="not 47x33 divided by a whole number"):
        motion(17, 23).scale(33, 47)


def test_the_fast_preset_looks_at_half_resolution_but_for_tiny_pictures() -> None:
    find = find_motion_engine(None, "fast")
    for size, wanted in (((96, 160), 2), ((64, 128), 1)):
        frames = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0))
        assert find(Window(frames, 0, 0, 2, colour=1), 1.0).scale(*size) == wanted
