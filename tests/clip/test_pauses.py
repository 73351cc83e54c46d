"""A frame that is shown far longer than its neighbours is a pause: what a constant rate stores again and again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.panning import exposed
from vsdeblur.clip.pauses import split_at_pauses, usual_durations
from vsdeblur.clip.repeats import Thumbnail, thumbnails
from vsdeblur.engine.chunks import FrameSource, chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Chunk, Grid, Output
from vsdeblur.settings import parse_options
from vsdeblur.window import Window

torch.set_num_threads(1)

REST = 9  # periods, for which the picture of frame 3 stands
MOVES = [0, 1, 2, 3, 4, 5, 6]
SHOWN = [1, 1, 1, REST, 1, 1, 1]


class Varying(FrameSource):
    """A clip in memory whose frames are shown for times of their own."""

    colour = 1

    def __init__(self, frames: Tensor, shown: Sequence[int]) -> None:
        self.frames, self.small, self.shown = frames, thumbnails(frames), shown

    def hold(self, frames: range) -> int:
        return len(self.frames)

    def light(self, frames: Sequence[int]) -> Tensor:
        return self.frames[list(frames)]

    def thumbnails(self, frames: range) -> Sequence[Thumbnail]:
        return self.small[frames.start : frames.stop]

    def durations(self, frames: Sequence[int]) -> Sequence[Fraction]:
        return [Fraction(self.shown[n]) for n in frames]


def restored(times: Sequence[int], shown: Sequence[int], *, duplicates: bool) -> tuple[Tensor, Tensor]:
    """The frames, and the pictures at a quarter and three quarters of every unit of time."""
    frames = torch.from_numpy(np.stack([exposed(t) for t in times])).float()[:, None]
    opens = list(accumulate(shown, initial=0))

    def schedule(chunk: Chunk, shutter: object) -> list[Output]:
        return [
            Output(2 * opens[n] + k, n + (k + 0.5) / (2 * shown[n]))
            for n in range(chunk.begin, chunk.end)
            for k in range(2 * shown[n])
        ]

    options = parse_options(factor=2, shutter=0.5, preset="fast", duplicates=duplicates, device="cpu")
    engine = Engine(options, frames.shape[-2], frames.shape[-1], 1)
    out = torch.full((2 * sum(shown), *frames.shape[1:]), torch.nan)
    for part in chunk_windows(Varying(frames, shown), Grid.of(engine.plan, options), options, schedule):
        for output, picture in part.restore(engine):
            out[output.number] = picture
    return frames, out


@pytest.mark.parametrize("duplicates", [False, True])
def test_a_variable_rate_gives_what_a_constant_one_does(duplicates: bool) -> None:
    every = [time for time, count in zip(MOVES, SHOWN, strict=True) for _ in range(count)]
    _, wanted = restored(every, [1] * len(every), duplicates=duplicates)
    frames, found = restored(MOVES, SHOWN, duplicates=duplicates)
    at_rest = found[2 * 4 : 2 * (2 + REST)]
    assert float((at_rest - frames[3]).abs().max()) < 1 / 255
    apart = (found - wanted).abs().mean((1, 2, 3))  # windows begin elsewhere
    assert float(apart.max()) < 2 / 255
    moved = found[2 * (3 + REST) - 1] - frames[3]
    assert float(moved.abs().max()) > 0.1, "in the last period before the next picture things move"


def test_screens_that_change_now_and_then_rest_in_between() -> None:
    """Also frames that are repeated, after which more is stored: the shortest of the neighbours says what is usual."""
    frames, found = restored([0, 0, 0, 1, 2, 2, 3], [1, 1, 40, 1, 1, 30, 1], duplicates=True)
    assert float((found[6:82] - frames[0]).abs().max()) < 1 / 255
    assert float((found[92:144] - frames[4]).abs().max()) < 1 / 255


def test_what_is_usual() -> None:
    assert usual_durations([1, 1, 1, 5, 1]) == [1, 1, 1, 1, 1]
    assert usual_durations([1, 1, 4, 1]) == [1, 1, 4, 1], "three repeats are no pause"
    assert usual_durations([90, 1, 60, 1, 70]) == [1, 1, 1, 1, 1]
    assert usual_durations([60, 50, 70]) == [60, 50, 70], "slides are pictures of their own rate"
    assert usual_durations([33, 33, 1, 33, 33]) == [33, 33, 1, 33, 33], "one short frame makes no pauses"
    assert usual_durations([33, 1]) == [1, 1]
    assert usual_durations([7]) == [7]


def test_parts_are_no_longer_than_windows_and_share_the_rest() -> None:
    durations = (1.0, 1.0, 1.0, 30.0, 1.0, 40.0, 1.0, 1.0)
    frames = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 16, 16)
    shutters = tuple(0.5 / d for d in durations)
    window = Window(frames, 10, 2, 4, 1, frozenset({13}), durations=durations, shutters=shutters)
    instants = [12.5, 13.01, 13.5, 13.99, 14.5, 15.5, 15.999]
    parts = split_at_pauses(window, instants, 2)
    assert [list(part.window.frames[:, 0, 0, 0]) for part in parts] == [[0, 1, 2, 3, 3], [3, 3, 4, 5, 5], [5, 5, 6, 7]]
    assert [part.window.durations for part in parts] == [(1, 1, 1, 1, 28), (28, 1, 1, 1, 38), (38, 1, 1, 1)]
    assert [len(part.instants) for part in parts] == [3, 3, 1]
    assert parts[0].window.cuts == {3}, "where the picture opens, and not where it is read once more"
    assert not parts[1].window.cuts
    assert parts[0].window.shutters == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5 / 28])
    assert parts[0].instants == pytest.approx([2.5, 3.3, 4.5])
    assert parts[1].instants == pytest.approx([5.7, 6.5, 8 + 19 / 38])
    assert all(part.window.first == int(part.instants[0]) - part.window.start for part in parts)
    plain = Window(frames, 10, 2, 4, 1)
    assert [part.window for part in split_at_pauses(plain, instants, 2)] == [plain]
