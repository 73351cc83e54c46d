"""OpenCV's flow of several pairs by several threads."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.window import Window


def panning(count: int, speed: int = 3) -> torch.Tensor:
    """(count, 3, 64, 80): a smooth texture that moves to the left."""
    noise = torch.rand(1, 3, 10, 20, generator=torch.Generator().manual_seed(2))
    wide = F.interpolate(noise, (64, 80 + speed * count), mode="bicubic").clamp(0, 1)[0]
    return torch.stack([wide[..., speed * n : speed * n + 80] for n in range(count)])


@pytest.mark.parametrize("preset", ["fast", "medium"])
def test_the_number_of_threads_changes_no_bit(preset: str) -> None:
    frames = panning(5)
    pairs = [way for a, b in pairwise(frames) for way in ((a, b), (b, a))]
    alone = DisFlow(preset).many(pairs)
    assert any(bool(flow.any()) for flow in alone)
    for workers in (2, 5):
        for flow, same in zip(DisFlow(preset, workers=workers).many(pairs), alone, strict=True):
            assert torch.equal(flow, same)


def test_motion_of_a_further_pass_does_not_depend_on_how_many_pairs_are_worked_on_at_once() -> None:
    window = Window(panning(5), 0, 2, 1, 3)
    engines = [PairwiseMotion(DisFlow("fast", workers=n), linear=False, continuation=False) for n in (1, 2, 8)]
    first = engines[0](window, 0.5)
    alone, *others = [engine.refined(window, 0.5, first) for engine in engines]
    assert float(alone.path[:, 0].abs().mean()) > 1
    for motion in others:
        assert torch.equal(motion.path, alone.path)
        assert torch.equal(motion.reliability, alone.reliability)
