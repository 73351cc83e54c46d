"""The time estimate solves one real chunk and counts what it made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vsdeblur.engine import engine, estimate
from vsdeblur.engine.window import Window
from vsdeblur.options import Options


class SlowEngine:
    """Takes a hundredth of a second per output."""

    seen: list[tuple[Window, list[float]]]

    def __init__(self, options: Options, height: int, width: int, channels: int = 3, *, host_bytes: int = 0) -> None:
        self.plan = engine.Plan(3, 2, 64, 64, 0)

    def restore(self, window: Window, instants: Sequence[float]) -> Iterator[Tensor]:
        self.seen.append((window, list(instants)))
        for _ in instants:
            time.sleep(0.01)
            yield window.frames[0]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("factor", [Fraction(1), Fraction(5, 2), Fraction(8)])
def test_estimate(monkeypatch: pytest.MonkeyPatch, count: int, factor: Fraction) -> None:
    monkeypatch.setattr(SlowEngine, "seen", [], raising=False)
    monkeypatch.setattr(engine, "Engine", SlowEngine)
    frames = torch.rand(count, 3, 50, 40)
    speed = estimate.seconds_per_megapixel(frames, Options(factor=factor))
    assert 0.01 / 0.002 <= speed < 0.05 / 0.002
    window, instants = SlowEngine.seen[-1]
    assert window.frames.shape == (7, 3, 50, 40)
    assert (window.first, window.count) == (2, 3)
    assert all(2 <= t < 5 for t in instants)
    assert abs(len(instants) - 3 * factor) < 1
