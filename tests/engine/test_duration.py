"""The time estimate: what the stages take in a small piece, as they grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vsdeblur.engine import duration as estimate
from vsdeblur.engine import engine
from vsdeblur.engine.plan import Plan
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import Options
from vsdeblur.window import Window

MOTION, SOLVING, SHOWING = 7e-6, 5e-5, 1e-5  # seconds for a point, for a pixel of a key frame, of an output
HEIGHT, WIDTH = 1080, 1920
REACH = 40.0  # pixels a period


class Clock:
    """Goes on only where something works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """An engine that takes a known time for everything."""

    clock = Clock()
    neighbours = 2

    def __init__(self, options: Options, height: int, width: int, channels: int = 3) -> None:
        self.plan, self.device, self.size, self.options = Plan(3, 2, 64, 64, 0), "cpu", (height, width), options

    def find_motion(self, window: Window, shutter: float) -> Motion:
        count = len(window.frames)
        self.clock.now += MOTION * count * self.size[0] * self.size[1]
        field = torch.zeros(count, 7, *self.size)
        return Motion(field[:, :4], field[:, 4:5], field[:, 5:])

    def restore(self, window: Window, instants: Sequence[float], motion: Motion | None) -> Iterator[Tensor]:
        assert (motion is None) == self.options.single_frame
        assert motion is None or motion.path[:, :2].norm(dim=1).max() == REACH
        assert all(window.first <= t < window.first + window.count for t in instants)
        pixels = self.size[0] * self.size[1]
        self.clock.now += SOLVING * pixels * (window.count + self.neighbours)
        for _ in instants:
            self.clock.now += SHOWING * pixels
            yield window.frames[0]


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("factor", [Fraction(1), Fraction(5, 2), Fraction(8)])
def test_stages_grow_each_in_its_own_way(monkeypatch: pytest.MonkeyPatch, count: int, factor: Fraction) -> None:
    monkeypatch.setattr(engine, "Engine", Worker)
    plan = Plan(8, 2, 512, 128, 0)
    frames, options = torch.rand(count, 3, 50, 60), Options(factor=factor)
    found = estimate.seconds_per_output(frames, options, plan, HEIGHT, WIDTH, REACH, Worker.clock)
    pixels, points = HEIGHT * WIDTH, HEIGHT * WIDTH / 4  # motion is sought at half of the size
    overlap = (HEIGHT + 2 * 64) * (WIDTH + 4 * 64) / pixels  # six tiles of 576
    once = MOTION * points * (8 + 2 * 2) + SOLVING * pixels * overlap * (8 + 2)
    assert found == pytest.approx(once / float(8 * factor) + SHOWING * pixels)


def test_frames_that_are_restored_alone_have_no_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "Engine", Worker)
    monkeypatch.setattr(Worker, "neighbours", -estimate._CHUNK)  # each output takes the same
    options = Options(mode="frame", factor=Fraction(1))
    assert options.single_frame
    frames, plan = torch.rand(2, 3, 50, 60), Plan(1, 0, 512, 128, 0)
    found = estimate.seconds_per_output(frames, options, plan, HEIGHT, WIDTH, REACH, Worker.clock)
    assert found == pytest.approx(SHOWING * HEIGHT * WIDTH)
