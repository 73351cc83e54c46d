"""Repeated frames: found, left out, and the time between the others made even, in every host."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
import torch
import vapoursynth as vs
from av.rational import AVRational

from tests.support.panning import CADENCE, exposed, picture, repeated, small
from tests.support.panning import HEIGHT as H
from tests.support.panning import WIDTH as W
from tests.support.vapoursynth import clip_of, planes, record_engine
from vsdeblur import deblur, estimate_shutter, restore
from vsdeblur.clip.repeats import _difference, find_repeats, thumbnail
from vsdeblur.engine.grid import Grid
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav import deblur_frames
from vsdeblur.filters.pyav.stamps import TimedFrame
from vsdeblur.filters.pyav.timeline import ByFactor, ChunkTimes

torch.set_num_threads(1)

_RNG = np.random.default_rng(5)


def found(thumbnails: list[np.ndarray]) -> list[int]:
    return [n for n, same in enumerate(find_repeats(thumbnails)) if same]


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("coded", [0.0, 0.001])
@pytest.mark.parametrize(
    "times", [CADENCE, [n // 2 for n in range(20)], [n * 2 // 5 for n in range(20)], [0, 1, 2, 3, 3, 5, 6, 6, 8, 9]]
)
def test_repeats_are_found_with_noise_and_coding(times: list[int], noise: float, coded: float) -> None:
    assert found(small(times, noise, coded)) == repeated(times)


def test_repeats_that_a_coder_spoiled_are_found_and_slow_motion_is_none() -> None:
    """A strong coder changes a few blocks of a repeat by much, in a way that no shift of the picture does."""

    def anew(x: np.ndarray) -> np.ndarray:
        out = x.copy()
        for y, left in _RNG.integers(0, (H - 8, W - 8), (2, 2)):
            out[y : y + 8, left : left + 8] += 0.03 * np.cos(np.pi * np.add.outer(np.arange(8), np.arange(8)) / 2)
        return out

    pictures = small(CADENCE)
    spoiled = [anew(x) if n and CADENCE[n] == CADENCE[n - 1] else x for n, x in enumerate(pictures)]
    assert max(_difference(*spoiled[n - 1 : n + 1]) for n in repeated(CADENCE)) > 4 / 255
    assert found(spoiled) == repeated(CADENCE)
    halting = np.cumsum([0.25 if n % 5 == 4 else 2.0 for n in range(20)])
    thing = [np.where(np.abs(np.arange(W) - 28) < 8, picture(t, 1.0), 0.5) for t in halting]  # before a still ground
    thing = [np.where(np.abs(np.arange(H) - 20)[:, None] < 8, x, 0.5).astype(np.float32) for x in thing]
    assert found(thing) == []


@pytest.mark.parametrize(
    ("times", "noise", "coded"),
    [
        (range(20), 0.0, 0.0),  # every frame is new
        (range(20), 0.03, 0.0),
        ([0] * 20, 0.0, 0.0),  # still
        ([0] * 20, 0.0, 0.03),  # still, with noise: of its own in every frame
        ([n / 100 for n in range(20)], 0.0, 0.0),  # hardly moves
        ([0, 1, 2, 3, *[4] * 6, 5, 6, 7], 0.0, 0.0),  # pauses
        ([0, 1, 2, 3, 4, 4, 5, 6], 0.0, 0.03),  # rests for a moment, but with noise of its own
    ],
)
def test_what_is_no_repeat_is_not_taken_for_one(times: Sequence[float], noise: float, coded: float) -> None:
    assert found(small(list(times), noise, coded)) == []


def test_thumbnails_of_any_samples() -> None:
    wide = np.kron(_RNG.uniform(0, 1, (9, 160)), np.ones((20, 4)))
    floats = thumbnail([wide.astype(np.float32)])
    assert floats.shape == (90, 320)
    assert thumbnail([np.full((8, 8), 1023, np.uint16)], 1023).tolist() == np.ones((8, 8)).tolist()
    assert np.isfinite(thumbnail([np.full((8, 8), np.nan, np.float16)])).all()
    assert np.abs(thumbnail([np.rint(wide * 255).astype(np.uint8)[:, ::-1]], 255)[:, ::-1] - floats).max() < 0.01


def video(times: Sequence[float]) -> torch.Tensor:
    grey = torch.tensor(np.stack([exposed(t) for t in times]), dtype=torch.float32)
    return ((grey * 255).round() / 255)[:, None]


def test_restoring_a_cadence_shows_even_motion() -> None:
    v = video(CADENCE[:12])
    instants = [(j + 0.5) / 2 for j in range(24)]
    truth = np.stack([picture(0.8 * t) for t in instants])[:, None]

    def error(**more: Any) -> float:
        u = restore(v, 2, shutter=0.5, preset="fast", **more)
        assert u.shape == (24, 1, H, W)
        return float((u.numpy() - truth)[4:-6].std())

    assert error() < 0.4 * error(duplicates=False)


def test_without_repeats_nothing_changes() -> None:
    v = video(range(10))
    assert torch.equal(restore(v, 2, preset="fast"), restore(v, 2, preset="fast", duplicates=False))


def test_a_still_clip_comes_back() -> None:
    v = video([0] * 5)
    assert (restore(v, 2, preset="fast", shutter=0.5) - v.repeat_interleave(2, 0)).abs().max() <= 1 / 255
    noisy = v + 0.01 * torch.randn(v.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(restore(noisy, 2, preset="fast"), restore(noisy, 2, preset="fast", duplicates=False))


def test_the_shutter_is_a_part_of_the_time_between_pictures() -> None:
    def told(times: list[int]) -> float:
        wide = np.stack([exposed(2 * t, 1.2) for t in times])
        return estimate_shutter(torch.tensor(wide, dtype=torch.float32)[:, None])[0]

    assert told(CADENCE[:10]) == told(list(range(8)))


def test_the_argument_is_checked() -> None:
    with pytest.raises(ArgumentError, match="duplicates must be True"):
        restore(video(range(3)), duplicates="yes")


# In VapourSynth.


def node(times: Sequence[int], asked: list[int] | None = None) -> vs.VideoNode:
    def codes(n: int) -> list[np.ndarray]:
        return [np.rint(exposed(times[n]) * 219 + 16)]

    return clip_of(vs.GRAY8, W, H, len(times), codes, {"_Matrix": 1, "_Range": 0}, asked=asked)


def test_vapoursynth_leaves_repeats_out(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    out = deblur(node(CADENCE), 2, shutter=0.5, transfer="linear")
    assert (out.num_frames, out.fps) == (80, 60)
    for frame in out.frames(close=True):
        assert Fraction(frame.props["_DurationNum"], frame.props["_DurationDen"]) == Fraction(1, 60)
    assert len(record.windows) == 10
    for window, instants in zip(record.windows[2:8], record.instants[2:8], strict=True):
        assert len(window.frames) <= record.chunk + 2 * record.halo
        assert min((b - a).abs().max() for a, b in pairwise(window.frames)) > 0.1
        assert window.durations == pytest.approx((1.25,) * len(window.frames), rel=0.05)  # the last one by its edge
        assert window.shutters == pytest.approx((0.5,) * len(window.frames), rel=0.05)
        np.testing.assert_allclose(np.diff(instants), 0.4, atol=1e-6)
        assert window.first <= min(instants) - window.start
        assert max(instants) < window.start + window.first + window.count
    windows = len(record.windows)
    clip = deblur(node(CADENCE), 2, shutter=0.5, transfer="linear", duplicates=False)
    clip.get_frame(0).close()
    assert record.windows[windows].durations is None


def test_vapoursynth_in_any_order_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    record.change = lambda frame, t: frame * (t % 1) + 0.3 * (1 - t % 1)
    clip = deblur(node(CADENCE), 2, shutter=0.5)
    there = [planes(frame)[0] for frame in clip.frames(close=True)]
    for n in _RNG.permutation(80)[:5].tolist():
        assert np.array_equal(planes(deblur(node(CADENCE), 2, shutter=0.5).get_frame(n))[0], there[n])


def test_vapoursynth_given_a_time_takes_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    deblur(node(CADENCE), 2, shutter="1/60s").get_frame(30).close()
    assert record.windows[0].shutters == pytest.approx((0.5 / 1.25,) * len(record.windows[0].frames))


# In PyAV.


def frames(times: Sequence[int]) -> list[av.VideoFrame]:
    out = []
    for n, t in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.rint(exposed(t) * 255).astype(np.uint8), format="gray")
        frame.pts, frame.time_base = n, AVRational(1, 30)
        out.append(frame)
    return out


def test_pyav_gives_what_tensors_give() -> None:
    times = CADENCE[:11]
    restored = list(deblur_frames(frames(times), 2, shutter=0.5, transfer="linear", preset="fast"))
    assert [frame.pts * frame.time_base.num * 60 / frame.time_base.den for frame in restored] == list(range(22))
    u = restore(video(times), 2, shutter=0.5, preset="fast")[:, 0].clamp(0, 1) * 255
    for frame, wanted in zip(restored, u.numpy(), strict=True):
        assert np.abs(frame.to_ndarray(format="gray").astype(float) - wanted).max() <= 1


def test_the_middle_of_an_exposure_is_that_of_its_own_frame() -> None:
    """Where a frame is shown for twice as long, its exposure is not."""
    item = TimedFrame(frames([0])[0], Fraction(0), Fraction(1, 30), Fraction(1, 30))
    times = ChunkTimes(chunk=Grid(3, 2, 2).chunk(0, 3), frames=[item] * 3, first=0, final=True)
    moments = ByFactor(Fraction(1)).moments(times, lambda n: (0.5, 0.25, 0.5)[n])
    assert [moment.instant for moment in moments] == [0.25, 1.125, 2.25]
