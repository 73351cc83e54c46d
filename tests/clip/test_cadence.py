"""When the pictures of a clip with repeated frames were taken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest

from tests.support.panning import CADENCE, repeated, small
from vsdeblur.clip import cadence
from vsdeblur.clip.cadence import REACH, ChunkNeighbourhood, PictureTimes


def timed(
    times: Sequence[float], begin: int, end: int, cuts: frozenset[int] = frozenset()
) -> tuple[ChunkNeighbourhood, PictureTimes]:
    start, stop = max(begin - 2 - REACH, 0), min(end + 2 + REACH, len(times))
    around = ChunkNeighbourhood(
        thumbnails=small(times)[start:stop],
        start=start,
        begin=begin,
        end=end,
        halo=2,
        at_start=start == 0,
        at_end=stop == len(times),
        cuts=cuts,
    )
    return around, around.picture_times([1.0] * (stop - start), cuts)


def shown(times: Sequence[float], begin: int, end: int, cuts: frozenset[int] = frozenset()) -> list[float]:
    """What the pictures between which outputs lie show, mixed by time: the camera's time at each output."""
    around, known = timed(times, begin, end, cuts)
    held = [*(times[n] for n in around.kept), times[around.kept[-1]] + 1]
    at = [known.instant(begin + (k + 0.5) / 4) - around.kept[0] for k in range(4 * (end - begin))]
    return [float(np.interp(x, range(len(held)), held)) for x in at]


@pytest.mark.parametrize("chunk", [1, 2, 4, 8])
def test_a_cadence_is_made_even_and_chunks_agree(chunk: int) -> None:
    camera = list(chain.from_iterable(shown(CADENCE, n, n + chunk) for n in range(8, 16, chunk)))
    np.testing.assert_allclose(camera, [0.8 * (8 + (k + 0.5) / 4) for k in range(32)], atol=1e-6)
    end = shown(CADENCE[:38], 30, 38)[:-7]  # in the middle of the cadence; without the last picture
    np.testing.assert_allclose(end, [0.8 * (30 + (k + 0.5) / 4) for k in range(25)], atol=1e-6)
    around, known = timed(CADENCE, 16, 16 + chunk)
    assert len(around.kept) <= chunk + 4
    assert known.period == pytest.approx(1.25)


def test_a_frame_that_was_missed_leaves_the_others_in_their_place() -> None:
    times = [n - 1 if n % 5 == 3 else n for n in range(30)]
    np.testing.assert_allclose(shown(times, 8, 16), [8 + (k + 0.5) / 4 for k in range(32)], atol=1e-6)
    assert timed(times, 8, 16)[1].period == 1.0


def test_nothing_is_late_or_early_across_a_cut() -> None:
    cut = frozenset({13})
    around, known = timed(CADENCE, 8, 16, cut)
    opens = dict(zip(around.kept, known.opens, strict=False))
    assert opens[13] == 13 - around.start  # a picture that is late elsewhere
    assert known.to_window(cut) == {around.kept[0] + around.kept.index(13)}
    assert around.repeats == {n for n in repeated(CADENCE) if around.start < n < around.start + len(around.thumbnails)}
    assert 11 not in timed(CADENCE, 8, 16, frozenset({11}))[0].repeats  # said to open a scene, so no repeat


def test_frames_that_all_repeat_many_times_are_said_to_be_few(caplog: pytest.LogCaptureFixture) -> None:
    cadence._warn_of_few_pictures.cache_clear()
    around, _ = timed([n // 4 for n in range(40)], 16, 17)
    assert [n // 4 for n in around.kept] == [3, 4, 5, 6]
    assert "fewer than 2 pictures" in caplog.text
