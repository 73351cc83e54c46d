"""Timestamps as sources have them, and what becomes of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from vsdeblur.filters.pyav.stamps import rate_of_times, timed

MS = Fraction(1, 1000)


def stamped(stamps: Sequence[int | None], tick: Fraction = MS) -> list[av.VideoFrame]:
    frames = []
    for stamp in stamps:
        frame = av.VideoFrame(16, 16, "gray")
        frame.pts, frame.time_base = stamp, tick
        frames.append(frame)
    return frames


def shown(stamps: Sequence[int | None], rate: int | None = 25, tick: Fraction = MS) -> tuple[list[Fraction], list[str]]:
    said: list[str] = []
    found = list(timed(stamped(stamps, tick), Fraction(rate) if rate else None, None, said.append))
    for before, after in pairwise(found):
        assert before.time + before.duration == after.time
    return [item.time / tick for item in found], said


def test_ascending_times_are_left_alone() -> None:
    times = [0, 40, 80, 500, 540, 545, 620]
    found, said = shown(times)
    assert found == times
    assert not said


@pytest.mark.parametrize("begin", [0, 20])
def test_permuted_times_are_sorted(begin: int) -> None:
    """As decoders give them out where a container has none but decoding times."""
    times = [40 * n for n in range(40)]
    groups = [[times[n], times[n + 3], times[n + 2], times[n + 1]] for n in range(begin, 40, 4)]
    found, said = shown(times[:begin] + [time for group in groups for time in group])
    assert found[begin + 4 :] == times[begin + 4 :]
    assert found == sorted(set(found))
    assert len(said) == (1 if begin else 0)  # a step back is found too late for the frames before it


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ([0, 40, 40, 120, 160], [0, 40, 80, 120, 160]),
        ([0, 40, 41, 120, 160], [0, 40, 80, 120, 160]),
        ([0, 40, None, 120], [0, 40, 80, 120]),
        ([None, None, None], [0, 40, 80]),
        ([0, None, 30, 70], [0, 15, 30, 70]),
        ([0, 40, 40, 40, 41, 81, 121], [0, 40, 40 + 41 / Fraction(4), 60.5, 70.75, 81, 121]),
    ],
)
def test_missing_and_equal_times_are_spread(times: list[int | None], wanted: list[float]) -> None:
    assert shown(times)[0] == wanted


def test_no_frame_is_shorter_than_a_tenth_of_a_period() -> None:
    """Two sources of one clock, rounded to milliseconds, that repeat or jitter by a tick."""
    chance = random.Random(3)
    for _ in range(50):
        times = sorted(33 * n + chance.choice((-1, 0, 0, 1, 33)) for n in range(30))
        found, _ = shown(times, 30)
        assert min(b - a for a, b in pairwise(found)) >= 3


def test_no_times_at_all_are_a_period_apart() -> None:
    assert shown([None] * 30)[0] == [40 * n for n in range(30)]


def test_times_that_start_again_go_on() -> None:
    times = [40 * n for n in range(20)]
    found, said = shown(times + times + times)
    assert found == [40 * n for n in range(60)]
    assert len(said) == 2


def test_leaps_of_hours_are_left_out_and_long_pauses_are_not() -> None:
    assert shown([0, 40, 80, 400_000_000, 400_000_040])[0] == [0, 40, 80, 120, 160]
    pause = [0, 40, 80, 1_200_000, 1_200_040]
    assert shown(pause)[0] == pause


def test_the_rate_of_rounded_and_jittering_times() -> None:
    chance = random.Random(1)
    assert rate_of_times(n * MS for n in range(0, 4000, 40)) == 25
    assert rate_of_times(round(n * 1001 / 30) * MS for n in range(300)) == Fraction(30_000, 1001)
    jittered = [round(n * 1000 / 60) + chance.choice((-3, 0, 3)) for n in range(300)]
    assert rate_of_times(n * MS for n in jittered) == 60
    paused = [n * 40 + (90_000 if n > 50 else 0) for n in range(100)]
    assert rate_of_times(n * MS for n in paused) == 25
    assert rate_of_times([Fraction(1)]) is None
