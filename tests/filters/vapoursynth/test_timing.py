"""The VapourSynth filter: rates, instants, durations and scene cuts."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.vapoursynth import (
    clip_of,
    core,
    planes,
    props_of,
    record_engine,
    vfr,
    yuv,
)
from vsdeblur import deblur

torch.set_num_threads(1)


# Rates and instants.


@pytest.mark.parametrize(
    ("fps", "arguments", "frames", "rate"),
    [
        ((30, 1), {"factor": 4}, 40, Fraction(120)),
        ((30000, 1001), {"factor": 2}, 20, Fraction(60000, 1001)),
        ((30000, 1001), {"fps_num": 60, "fps_den": 1}, 20, Fraction(60)),
        ((24000, 1001), {"fps_num": 60, "fps_den": 1}, 25, Fraction(60)),
        ((25, 1), {"fps_num": 60000, "fps_den": 1001}, 23, Fraction(60000, 1001)),
        ((24, 1), {"factor": "5/2"}, 25, Fraction(60)),
        ((24, 1), {"factor": 1}, 10, Fraction(24)),
        ((24, 1), {"factor": 1.5}, 15, Fraction(36)),
    ],
)
def test_rates_lengths_and_durations(
    monkeypatch: pytest.MonkeyPatch, fps: tuple[int, int], arguments: dict[str, Any], frames: int, rate: Fraction
) -> None:
    record = record_engine(monkeypatch)
    out = deblur(yuv(fps=fps), **arguments, shutter=0.5)
    assert (out.num_frames, out.fps) == (frames, rate)
    for props in props_of(out):
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == 1 / rate
    factor = rate / Fraction(*fps)
    wanted = [float((j + Fraction(1, 2)) / factor) if factor != 1 else j + 0.25 for j in range(frames)]
    assert list(chain.from_iterable(record.instants)) == wanted
    for window, instants in zip(record.windows, record.instants, strict=True):
        begin = window.start + window.first
        assert all(begin <= t < begin + window.count for t in instants)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fractions(1, 16, max_denominator=1001), st.integers(1, 14))
def test_any_ratio_shows_every_instant_once(monkeypatch: pytest.MonkeyPatch, factor: Fraction, length: int) -> None:
    with monkeypatch.context() as patch:
        record = record_engine(patch)
        out = deblur(clip_of(vs.GRAY8, 16, 16, length, lambda n: [np.full((16, 16), 5 * n)]), factor)
        shown = [int(planes(frame)[0][0, 0]) // 5 for frame in out.frames(close=True)]
    instants = list(chain.from_iterable(record.instants))
    assert len(instants) == out.num_frames == int(length * factor)
    assert shown == [int(t) for t in instants]


@pytest.mark.parametrize(
    ("chunk", "halo", "grid"),
    [
        (4, 2, [(0, 6, 0, 4), (2, 8, 2, 4), (6, 4, 2, 2)]),
        (1, 0, [(n, 1, 0, 1) for n in range(10)]),
        (5, 0, [(0, 5, 0, 5), (5, 5, 0, 5)]),
        (7, 3, [(0, 10, 0, 7), (4, 6, 3, 3)]),
        (64, 9, [(0, 10, 0, 10)]),
    ],
)
def test_windows_lie_on_a_fixed_grid_and_invent_no_frames(
    monkeypatch: pytest.MonkeyPatch, chunk: int, halo: int, grid: list[tuple[int, ...]]
) -> None:
    record = record_engine(monkeypatch)
    record.chunk, record.halo = chunk, halo
    fmt = core.get_video_format(vs.GRAY8)
    clip = clip_of(fmt.id, 16, 16, 10, lambda n: [np.full((16, 16), n)])
    shown = [int(planes(frame)[0][0, 0]) for frame in deblur(clip, 2, transfer="linear").frames(close=True)]
    assert shown == [n // 2 for n in range(20)]
    assert [(w.start, len(w.frames), w.first, w.count) for w in record.windows] == grid
    for window in record.windows:
        codes = window.frames[:, 0, 0, 0] * 219 + 16
        assert codes.tolist() == pytest.approx(range(window.start, window.start + len(window.frames)), abs=1e-3)


def test_variable_durations_are_integrated(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)
    durations = [(1, 30), (1, 10), (1, 30), (1, 20), (1, 30), (1, 30), (1, 15)]
    clip = vfr(durations, _AbsoluteTime=2.0)
    out = deblur(clip, "3/2")
    assert out.fps == 0
    assert clip.fps == 0
    shown = [Fraction(p["_DurationNum"], p["_DurationDen"]) for p in props_of(out)]
    exact = [Fraction(*d) for d in durations]
    assert shown[0] == exact[0] * Fraction(2, 3)
    assert shown[1] == exact[0] / 3 + exact[1] / 3
    assert shown[2] == exact[1] * Fraction(2, 3)
    assert sum(shown[:9]) == sum(exact[:6])


def test_the_exposure_is_constant_in_seconds_on_variable_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    clip = vfr([(1, 30), (1, 30), (1, 10), (1, 100), (1, 30)])
    list(deblur(clip, 1, shutter=0.5).frames(close=True))
    window = record.windows[0]
    assert window.durations == pytest.approx((1 / 30, 1 / 30, 1 / 10, 1 / 100, 1 / 30))
    assert window.shutters == pytest.approx((0.5, 0.5, 1 / 6, 1.0, 0.5))
    assert record.instants[0] == pytest.approx([0.25, 1.25, 2 + 1 / 12, 3.5])  # mid-exposure of each


def test_a_pause_stands() -> None:
    """Nothing moves, or dissolves, while a frame is shown for as long as ten, but right before the next one."""
    clip = vfr([(1, 30)] * 4 + [(1, 3)] + [(1, 30)] * 4)
    rests = planes(clip.get_frame(4))[0].astype(int)
    out = deblur(clip, 4, shutter=0.5, preset="fast")
    for n in range(16, 19):  # of four, the last shows how things move on
        assert np.abs(planes(out.get_frame(n))[0].astype(int) - rests).max() <= 1
    assert np.abs(planes(out.get_frame(20))[0].astype(int) - rests).mean() > 3


@pytest.mark.parametrize("durations", [[(1, 25)] * 3, [None] * 3, [(1, 30), None, (1, 20)], [(0, 1), (-1, 5), (3, 0)]])
def test_equal_missing_and_broken_durations(monkeypatch: pytest.MonkeyPatch, durations: list[Any]) -> None:
    record = record_engine(monkeypatch)
    seen = props_of(deblur(vfr(durations), 2))
    assert record.windows[0].durations is None
    assert record.windows[0].shutters is None
    for n, props in enumerate(seen):
        good = durations[n // 2] in ((1, 25), (1, 30), (1, 20))
        assert ("_DurationNum" in props) == ("_DurationDen" in props) == good
        if good:
            assert Fraction(props["_DurationNum"], props["_DurationDen"]) == Fraction(*durations[n // 2]) / 2


def test_a_fixed_output_rate_stays_fixed_whatever_the_durations_say(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)
    clip = yuv(6, props=lambda n: {"_DurationNum": 1 + n % 2, "_DurationDen": 45})
    for props in props_of(deblur(clip, fps_num=60, fps_den=1)):
        assert (props["_DurationNum"], props["_DurationDen"]) == (1, 60)
    by_factor = props_of(deblur(clip, 2))
    assert [(p["_DurationNum"], p["_DurationDen"]) for p in by_factor[:4]] == [(1, 90), (1, 90), (1, 45), (1, 45)]


def test_absolute_time_is_that_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)
    clip = yuv(6, props=lambda n: {"_AbsoluteTime": 7 + n / 30})
    for factor in (1, 2, "3/2"):
        times = [props["_AbsoluteTime"] for props in props_of(deblur(clip, factor))]
        assert times == pytest.approx([7 + j / 30 / float(Fraction(factor)) for j in range(len(times))])
    unknown = vfr([None] * 4, _AbsoluteTime=3.0)
    assert ["_AbsoluteTime" in props for props in props_of(deblur(unknown, 2))] == [True, False] * 4


@pytest.mark.parametrize(
    ("fps", "factor"),
    [((1000000007, 999999937), "1000003/999983"), ((2**61, 3), 2), ((1, 2**62), 16), ((1, 10**11), 2)],
)
def test_rates_out_of_this_world(monkeypatch: pytest.MonkeyPatch, fps: tuple[int, int], factor: Any) -> None:
    record_engine(monkeypatch)
    clip = core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=3, fpsnum=fps[0], fpsden=fps[1])
    out = deblur(clip, factor)
    assert float(out.fps) == pytest.approx(fps[0] / fps[1] * float(Fraction(factor)))
    for props in props_of(out):
        assert props["_DurationDen"] / props["_DurationNum"] == pytest.approx(float(out.fps))


def test_a_rate_that_no_clip_can_have() -> None:
    clip = core.std.BlankClip(width=16, height=16, length=3, fpsnum=2**62, fpsden=1)
    with pytest.raises(vs.Error, match=r"deblur: a clip cannot have 36893488147419103232 frames per second"):
        deblur(clip, 8)


HOSTILE: list[dict[str, Any]] = [
    {"_DurationNum": 2**63 - 1, "_DurationDen": 1},
    {"_DurationNum": 1, "_DurationDen": 2**63 - 1},
    {"_DurationNum": 2**62 - 1, "_DurationDen": 2**61 - 1},
    {"_DurationNum": -(2**63), "_DurationDen": 7},
    {"_DurationNum": 1.5, "_DurationDen": "x"},
    {"_AbsoluteTime": float("nan")},
    {"_AbsoluteTime": "late"},
    {"_SceneChangePrev": "yes", "_SceneChangeNext": [1, 2]},
    {"_Range": 7, "_ChromaLocation": 99},
    {"_Range": "full", "_Matrix": 1.0, "_Transfer": b"bt709", "_FieldBased": 0.5},
    {"_Matrix": 2, "_Transfer": 2, "_Primaries": 2**40},
    {"_Alpha": 1},
]


@pytest.mark.parametrize("fps", [(30, 1), (0, 0)])
def test_props_out_of_this_world_do_no_harm(monkeypatch: pytest.MonkeyPatch, fps: tuple[int, int]) -> None:
    record = record_engine(monkeypatch)
    clip = yuv(len(HOSTILE), fps, lambda n: HOSTILE[n])
    for factor in (1, "7/3"):
        for props in props_of(deblur(clip, factor)):
            if "_DurationNum" in props:
                assert 0 < Fraction(props["_DurationNum"], props["_DurationDen"]) < 2**64
    assert all(0 < s <= 1 for w in record.windows for s in w.shutters or ())


# Scene cuts.


def marks(clip: vs.VideoNode) -> tuple[list[int], list[int]]:
    seen = props_of(clip)
    return (
        [j for j, props in enumerate(seen) if props["_SceneChangePrev"]],
        [j for j, props in enumerate(seen) if props["_SceneChangeNext"]],
    )


@pytest.mark.parametrize("side", ["prev", "next"])
def test_cut_props_reach_the_engine_and_the_right_sub_frames(monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    record = record_engine(monkeypatch)

    def props(n: int) -> dict[str, int]:  # cuts before frames 3 and 8; 8 opens a chunk
        if side == "prev":
            return {"_SceneChangePrev": int(n in (3, 8))}
        return {"_SceneChangeNext": int(n in (2, 7))}

    clip = yuv(10, props=props)
    assert marks(deblur(clip, 4, scene_cuts="props")) == ([12, 32], [11, 31])
    assert record.windows[0].cuts == {3}
    assert record.windows[1].cuts == {3, 8}
    # 3/2: output 4 (timestamp 2.67) shows the instant 3.0, after the cut; output 12 shows 8.33.
    assert marks(deblur(clip, "3/2", scene_cuts="props")) == ([4, 12], [3, 11])
    assert marks(deblur(clip, 1)) == ([3, 8], [2, 7])


def test_the_detector_joins_the_props_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    record.cuts = frozenset({4})
    clip = yuv(8, props=lambda n: {"_SceneChangePrev": int(n == 2), "_SceneChangeNext": 0})
    assert marks(deblur(clip, 2)) == ([4, 8], [3, 7])
    assert marks(deblur(clip, 2, scene_cuts="props")) == ([4], [3])
    assert marks(deblur(clip, 2, scene_cuts=[6])) == ([12], [11])
    record.windows.clear()
    assert marks(deblur(clip, 2, scene_cuts=False)) == ([4], [3]), "the host's marks stay, on the right frames"
    assert all(not window.cuts for window in record.windows)
    assert "_SceneChangePrev" not in props_of(deblur(yuv(3), 2, scene_cuts=False))[0]


def test_marks_at_the_ends_of_the_clip_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)
    clip = yuv(5, props=lambda n: {"_SceneChangePrev": int(n == 0), "_SceneChangeNext": int(n == 4)})
    assert marks(deblur(clip, "5/3")) == ([0], [7])
