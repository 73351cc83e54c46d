"""The course of a file: what moves, cuts and is noisy when, of short files frame by frame, of long ones by places."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.moving import texture
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.filters.pyav.inspect.course import Course
from vsdeblur.filters.pyav.inspect.probe import probe

RATE = Fraction(10)
HEIGHT, WIDTH = 96, 160
SLOW, FAST = 1, 4  # pixels a frame
ALL = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of 20 frames: the first moves slowly, the second four times as fast and with noise."""
    rng = np.random.default_rng(3)
    frames: list[npt.NDArray[np.uint8]] = []
    for seed, speed, noise in ((1, SLOW, 0.0), (2, FAST, 12.0)):
        picture = 255 * texture(HEIGHT, WIDTH + 128, seed)[0].numpy()
        for n in range(ALL // 2):
            seen = picture[:, n * speed : n * speed + WIDTH] + rng.normal(0, noise, (HEIGHT, WIDTH))
            frames.append(np.repeat(seen.clip(0, 255).round().astype(np.uint8)[..., None], 3, 2))
    path = tmp_path_factory.mktemp("course") / "clip.mp4"
    write_mp4(path, frames, RATE, crf=1)
    return path


def course(clip: Path, frames: int, **given: object) -> Course:
    found = probe(str(clip), frames, measure=False, course=True, shutter=0.5, readout=0, **given).course
    assert found is not None
    return found


def test_a_file_that_was_read_whole(clip: Path) -> None:
    found = course(clip, 240)
    assert found.seconds == 4.0
    assert found.cuts == (2.0,)
    assert found.shutter == ()  # it was given
    slow = [half for time, half, _ in found.motion if time < 1.9]
    fast = [half for time, half, _ in found.motion if time >= 2]
    assert len(slow) + len(fast) == ALL - 2
    assert np.median(slow) == pytest.approx(SLOW, abs=0.3)
    assert np.median(fast) == pytest.approx(FAST, abs=1)
    assert all(half <= most for _, half, most in found.motion)
    assert [time for time, *_ in found.motion] == sorted(time for time, *_ in found.motion)
    time, grey = found.noise[0]
    assert time == 0
    assert grey < 2


def test_a_part_counts_from_its_own_beginning(clip: Path) -> None:
    found = course(clip, 240, start=1, duration=2)
    assert found.seconds == 2.0
    assert found.cuts == (1.0,)
    assert max(time for time, *_ in found.motion) < 2


def test_of_a_longer_file_places_are_looked_at(clip: Path) -> None:
    """Ten frames are read in a row; beyond them the key frame of the second scene is a place."""
    found = course(clip, 10)
    assert found.cuts == ()
    after = [(time, half) for time, half, _ in found.motion if time >= 1]
    assert 2.0 in [time for time, _ in after]
    assert dict(after)[2.0] == pytest.approx(FAST, abs=1)
