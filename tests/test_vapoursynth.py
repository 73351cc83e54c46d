"""The VapourSynth filter on the real core: formats, timing, props, requests, errors."""

from __future__ import annotations

import gc
import random
import re
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vs_helpers import clip_of, core, digest, moving, noise, planes, props_of, record_engine, shapes

from vsdeblur import deblur
from vsdeblur.errors import InputError
from vsdeblur.filters import _vs_chunk
from vsdeblur.filters._vs_props import Timing
from vsdeblur.options import parse_options

torch.set_num_threads(1)


@pytest.fixture
def threads() -> Iterator[None]:
    """Puts the core's thread count back."""
    before = core.num_threads
    yield
    core.num_threads = before


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The chunks that were solved, as often as they were."""
    chunks: list[int] = []
    solve = _vs_chunk.ChunkSolver.solve

    def counted(self: Any, chunk: int, around: Any) -> Any:
        chunks.append(chunk)
        return solve(self, chunk, around)

    monkeypatch.setattr(_vs_chunk.ChunkSolver, "solve", counted)
    return chunks


def yuv(length: int = 10, fps: tuple[int, int] = (30, 1), props: Any = None, fmt: int = vs.YUV420P8) -> vs.VideoNode:
    return clip_of(fmt, 32, 24, length, moving(core.get_video_format(fmt), 32, 24), props, fps)


def vfr(durations: list[tuple[int, int] | None], **more: Any) -> vs.VideoNode:
    """A clip without a rate, whose frames tell their durations."""

    def props(n: int) -> dict[str, Any]:
        d = durations[n]
        return {**({"_DurationNum": d[0], "_DurationDen": d[1]} if d else {}), **more}

    return yuv(len(durations), (0, 0), props)


def last_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value).strip().splitlines()[-1]


# Formats.

FORMATS = [
    *(core.query_video_format(f, vs.INTEGER, b) for f in (vs.GRAY, vs.RGB) for b in range(8, 17)),
    *(
        core.query_video_format(vs.YUV, vs.INTEGER, b, w, h)
        for b in (8, 9, 10, 12, 14, 16)
        for w, h in ((0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2), (2, 1))
    ),
    *(core.query_video_format(f, vs.FLOAT, b) for f in (vs.GRAY, vs.RGB, vs.YUV) for b in (16, 32)),
    *(core.query_video_format(vs.YUV, vs.FLOAT, b, 1, 1) for b in (16, 32)),
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fmt=st.sampled_from(FORMATS),
    size=st.tuples(st.integers(16, 39), st.integers(16, 39)),
    factor=st.sampled_from([1, 2, "3/2"]),
    full_range=st.sampled_from([None, 0, 1]),
    transfer=st.sampled_from([None, 1, 8, 13, 16, 18]),
    seed=st.integers(0, 999),
)
def test_a_static_clip_returns_within_one_code_value(
    fmt: vs.VideoFormat, size: tuple[int, int], factor: Any, full_range: int | None, transfer: int | None, seed: int
) -> None:
    width = size[0] >> (fmt.subsampling_w or 0) << (fmt.subsampling_w or 0)
    height = size[1] >> (fmt.subsampling_h or 0) << (fmt.subsampling_h or 0)
    picture = noise(fmt, width, height, seed)
    props = {k: v for k, v in {"_Range": full_range, "_Transfer": transfer, "_SARNum": 4}.items() if v is not None}
    clip = clip_of(fmt.id, width, height, 3, lambda n: picture, props)
    out = deblur(clip, factor, shutter=0.5)
    assert (out.format.id, out.width, out.height) == (fmt.id, width, height)
    for frame in out.frames():
        for before, after in zip(picture, planes(frame), strict=True):
            assert after.dtype == before.dtype
            if fmt.sample_type == vs.FLOAT:
                np.testing.assert_allclose(after.astype(float), before.astype(float), atol=3e-3)
            else:
                assert np.abs(after.astype(int) - before.astype(int)).max() <= 1
        kept = {k: v for k, v in frame.props.items() if k in props}
        assert kept == props


def test_odd_sizes_and_every_clip_length() -> None:
    fmt = core.get_video_format(vs.YUV444P8)
    for length in (1, 2, 3, 5):
        for factor in (1, "5/2", 16):
            out = deblur(clip_of(fmt.id, 17, 19, length, moving(fmt, 17, 19)), factor, shutter=1)
            assert out.num_frames == int(length * Fraction(factor))
            assert sum(1 for _ in out.frames(close=True)) == out.num_frames


def test_conversion_follows_the_props_of_each_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    fmt = core.get_video_format(vs.YUV444P8)
    white = [np.full(s, v, np.uint8) for s, v in zip(shapes(fmt, 16, 16), (235, 128, 128), strict=True)]
    clip = clip_of(fmt.id, 16, 16, 4, lambda n: white, lambda n: {"_Range": n % 2, "_Matrix": 1 if n < 2 else 9})
    for frame in deblur(clip, 1, transfer="linear").frames():
        np.testing.assert_array_equal(planes(frame), white)
    light = record.windows[0].frames[:, 1, 0, 0].tolist()
    assert light == pytest.approx([1, 235 / 255, 1, 235 / 255], abs=1e-5)


@pytest.mark.filterwarnings("ignore:The _ColorRange")
def test_the_old_name_of_the_range_prop_and_the_height_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    fmt = core.get_video_format(vs.YUV444P8)
    red = [np.full(s, v, np.uint8) for s, v in zip(shapes(fmt, 16, 16), (63, 102, 240), strict=True)]
    for props, height in (({"_Matrix": 1, "_ColorRange": 1}, 16), ({}, 578)):
        picture = [np.resize(p, (height, 16)) for p in red]
        deblur(clip_of(fmt.id, 16, height, 1, lambda n, p=picture: p, props), transfer="linear").get_frame(0)
        assert record.windows[-1].frames[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    deblur(clip_of(fmt.id, 16, 16, 1, lambda n: red), transfer="linear").get_frame(0)  # BT.601: not pure red
    assert record.windows[-1].frames[0, :, 0, 0].tolist() != pytest.approx([1, 0, 0], abs=0.01)


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


@pytest.mark.parametrize(
    ("fmt", "width", "height"),
    [
        (vs.GRAY8, 1, 1),
        (vs.RGB24, 1, 2),
        (vs.YUV420P8, 2, 2),
        (vs.YUV410P8, 4, 4),
        (vs.YUV440P8, 1, 2),
        (vs.RGBH, 3, 1),
    ],
)
def test_pictures_of_a_few_pixels(monkeypatch: pytest.MonkeyPatch, fmt: int, width: int, height: int) -> None:
    record_engine(monkeypatch)
    picture = noise(core.get_video_format(fmt), width, height)
    for frame in deblur(clip_of(fmt, width, height, 3, lambda n: picture), 3).frames():
        for before, after in zip(picture, planes(frame), strict=True):
            np.testing.assert_allclose(after, before, atol=2e-3)


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


# Alpha.


def test_alpha_follows_as_one_more_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    record.change = lambda picture, t: picture * 0.5 if t >= 1 else picture
    grey = core.get_video_format(vs.GRAY10)
    alpha = clip_of(grey.id, 32, 24, 5, lambda n: [np.full((24, 32), 100 * n + 100)], {"mark": 5})
    clip = yuv(5).std.ClipToProp(alpha)
    out = list(deblur(clip, 2, transfer="linear").frames())
    assert record.windows[0].frames.shape[1] == 4
    assert record.windows[0].colour == 3
    assert record.channels[-1] == 4
    assert record.windows[0].frames[:, 3, 0, 0].tolist() == pytest.approx([(n + 1) * 100 / 1023 for n in range(5)])
    for j, frame in enumerate(out):
        shown = frame.props["_Alpha"]
        assert shown.format.id == grey.id
        assert dict(shown.props)["mark"] == 5
        assert set(planes(shown)[0].ravel()) == {(100 * (j // 2) + 100) // (2 if j >= 2 else 1)}


def test_frames_without_alpha_among_others_are_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)
    alpha = clip_of(vs.GRAYS, 32, 24, 2, lambda n: [np.full((24, 32), 0.25)])
    clip = yuv(2).std.ClipToProp(alpha) + yuv(2)
    out = props_of(deblur(clip, 1))
    assert record.windows[0].frames[:, 3, 0, 0].tolist() == [0.25, 0.25, 1, 1]
    assert ["_Alpha" in props for props in out] == [True, True, False, False]


def test_static_alpha_survives_the_real_engine() -> None:
    fmt = core.get_video_format(vs.GRAY8)
    picture = noise(fmt, 32, 24)
    alpha = clip_of(fmt.id, 32, 24, 4, lambda n: picture)
    still = clip_of(vs.RGB24, 32, 24, 4, lambda n: noise(core.get_video_format(vs.RGB24), 32, 24, 7))
    for frame in deblur(still.std.ClipToProp(alpha), 2).frames():
        shown = planes(frame.props["_Alpha"])[0]
        assert np.abs(shown.astype(int) - picture[0].astype(int)).max() <= 1


def test_an_alpha_of_another_size_is_refused_on_the_frame() -> None:
    clip = yuv(2).std.ClipToProp(core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=2))
    with pytest.raises(vs.Error) as error:
        deblur(clip, 2).get_frame(0)
    assert "deblur: _Alpha of frame 0 must be a grey frame of 32x24, not Gray8 of 16x16" in last_line(error)


# Requests.


def test_one_solve_per_chunk_however_many_requests_wait(solved: list[int]) -> None:
    out = deblur(yuv(23), 4)
    order = list(range(out.num_frames))
    random.Random(3).shuffle(order)
    futures = [out.get_frame_async(n) for n in order]
    for future in futures:
        future.result().close()
    assert sorted(solved) == sorted(set(solved))
    count = len(solved)
    assert count > 0
    list(out.frames(close=True))
    assert len(solved) == count, "the finished chunks were kept"


def test_one_chunk_at_a_time_in_the_whole_process(monkeypatch: pytest.MonkeyPatch, threads: None) -> None:
    core.num_threads = 4
    record = record_engine(monkeypatch)
    running: list[int] = []
    together: list[int] = []

    def slow(picture: Any, t: float) -> Any:
        running.append(1)
        together.append(len(running))
        time.sleep(0.002)
        running.pop()
        return picture

    record.change = slow
    clips = [deblur(yuv(8), 2), deblur(yuv(8), 3), deblur(deblur(yuv(4), 2), 2)]
    futures = [clip.get_frame_async(n) for n in range(16) for clip in clips]
    for future in futures:
        future.result().close()
    assert max(together) == 1


def test_order_threads_and_ranges_give_the_same_bytes(threads: None) -> None:
    source = yuv(9)

    def frames(numbers: list[int], count: int) -> dict[int, str]:
        core.num_threads = count
        out = deblur(source, "5/2", shutter=1.0)
        futures = {n: out.get_frame_async(n) for n in numbers}
        return {n: digest(future.result()) for n, future in futures.items()}

    everything = frames(list(range(22)), 1)
    assert len(everything) == 22
    backwards = frames(list(reversed(range(22))), 4)
    assert backwards == everything
    for some in ([21], [7, 8, 9, 10], [13, 2, 13, 5]):
        assert frames(some, 2).items() <= everything.items()


def test_nothing_is_asked_for_at_construction_and_every_frame_once(threads: None) -> None:
    core.num_threads = 2
    asked: list[int] = []
    fmt = core.get_video_format(vs.YUV420P8)
    clip = clip_of(fmt.id, 32, 24, 30, moving(fmt, 32, 24), asked=asked)
    out = deblur(clip, 2)
    assert asked == []
    list(out.frames(close=True))
    assert sorted(asked) == list(range(30))


def test_a_player_with_an_endless_clip_and_a_short_memory(threads: None) -> None:
    """mpv: no rate, INT_MAX / 16 frames, and only the last few frames can be had."""
    core.num_threads = 2
    newest, memory = 0, []

    def picture(n: int) -> list[np.ndarray]:
        nonlocal newest
        newest = max(newest, n)
        memory.append(newest - n)
        return [np.full(s, n % 200, np.uint8) for s in shapes(core.get_video_format(vs.YUV420P8), 32, 24)]

    endless = clip_of(vs.YUV420P8, 32, 24, (2**31 - 1) // 16, picture, {"_DurationNum": 1, "_DurationDen": 24}, (0, 0))
    for factor in (2, 16):
        out = deblur(endless, factor)
        assert out.num_frames == endless.num_frames * factor
        assert memory == []
    out = deblur(endless, 2)
    for n in range(60):
        with out.get_frame(n) as frame:
            assert (frame.props["_DurationNum"], frame.props["_DurationDen"]) == (1, 48)
            assert abs(int(planes(frame)[0][0, 0]) - n // 2) <= 1
    plan = _vs_chunk.ChunkSolver(parse_options(factor=2), endless.format, 32, 24, Timing(10, None, False))
    assert max(memory) < plan.window_length, "a memory of one window is enough"


def test_a_clip_can_become_too_long() -> None:
    with pytest.raises(vs.Error, match=r"deblur: a clip cannot have 3221225472 frames: lower factor"):
        deblur(core.std.BlankClip(width=32, height=32, length=2**30), 3)


# Errors.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 17}, "factor must be a number .* from 1 to 16, not 17"),
        ({"factor": "fast"}, "factor must be a number .*, not 'fast'"),
        ({"fps_num": 60}, "fps_den must be given together"),
        ({"fps_num": 10, "fps_den": 1}, "fps_num/fps_den must be from 30 to 480 for this clip, not '10'"),
        ({"shutter": 1.5}, "shutter must be a fraction of the period"),
        ({"transfer": "log"}, "transfer must be None or one of linear"),
        ({"preset": "slow"}, "preset must be one of fast, balanced, best"),
        ({"prior": 3}, "prior must be None, a name or a callable"),
        ({"flow": 3}, "flow must be None, a name or a callable"),
        ({"scene_cuts": "maybe"}, "scene_cuts must be True, False"),
        ({"device": "tpu"}, "device must be"),
        ({"max_memory": "lots"}, "max_memory must be"),
    ],
)
def test_bad_arguments_fail_at_construction(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.Error, match=rf"^deblur: {message}") as error:
        deblur(yuv(), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (core.std.BlankClip(varformat=True), "clip has a variable format or size"),
        (core.std.BlankClip(varsize=True), "clip has a variable format or size"),
        (core.std.BlankAudio(), "clip must be a VideoNode, not AudioNode"),
        ("clip", "clip must be a VideoNode, not str"),
        (core.std.BlankClip(format=vs.GRAY32, length=1), "clip must be 8 to 16 bit integer, half or float, not Gray32"),
    ],
)
def test_clips_that_cannot_be_processed_fail_at_construction(clip: Any, message: str) -> None:
    with pytest.raises(vs.Error, match=rf"^deblur: {message}"):
        deblur(clip, 2)


def test_a_rate_in_seconds_or_frames_needs_a_clip_with_a_rate() -> None:
    clip = vfr([(1, 30)] * 3)
    with pytest.raises(vs.Error, match="deblur: fps_num must be left out for a clip without a frame rate"):
        deblur(clip, fps_num=60, fps_den=1)
    with pytest.raises(vs.Error, match=r"deblur: shutter must be a fraction of the period for a clip without"):
        deblur(clip, shutter="1/60s")


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            {"_FieldBased": 1},
            r"deblur: frame 0 is interlaced \(_FieldBased=1\): deinterlace first, with QTGMC or bwdif",
        ),
        ({"_FieldBased": 2}, r"deblur: frame 0 is interlaced \(_FieldBased=2\)"),
        ({"_Matrix": 10}, r"deblur: matrix 10 \(BT.2020 constant luminance\) is not supported for YUV"),
        ({"_Matrix": 0}, r"deblur: matrix 0 \(RGB\) is not supported for YUV"),
        ({"_Transfer": 9}, r"deblur: transfer 9 is not supported: give one yourself"),
    ],
)
def test_faults_that_only_props_show_fail_the_frames(solved: list[int], props: dict[str, int], message: str) -> None:
    out = deblur(yuv(3, props=props), 2)
    for n in (0, 1, 3):
        with pytest.raises(vs.Error) as error:
            out.get_frame(n)
        assert re.search(message, last_line(error))
    assert solved == [0], "one attempt for the chunk, not one a frame"


def test_the_transfer_argument_overrides_a_tag_that_is_not_supported() -> None:
    deblur(yuv(2, props={"_Transfer": 9}), 2, transfer="gamma2.2").get_frame(0)


def test_only_the_chunks_that_see_a_bad_frame_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)  # chunks of 4, halo 2
    out = deblur(yuv(20, props=lambda n: {"_FieldBased": int(n == 9)}), 2)

    def fails(n: int) -> bool:
        try:
            out.get_frame(n).close()
        except vs.Error:
            return True
        return False

    assert [n for n in range(40) if fails(n)] == list(range(8, 24)), "frame 9 is in the windows of chunks 1 and 2"


@pytest.mark.parametrize("error", [InputError("no such luck"), RuntimeError("out of\nluck"), MemoryError()])
def test_errors_of_the_engine_are_one_line_on_the_frame(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    record = record_engine(monkeypatch)
    record.error = error
    with pytest.raises(vs.Error) as caught:
        deblur(yuv(3), 2).get_frame(2)
    line = last_line(caught)
    assert "deblur: " in line
    assert " ".join(str(error).split()) in line
    assert type(error) is InputError or type(error).__name__ in line


def test_no_frames_leak_when_frames_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_engine(monkeypatch)

    def run() -> int:
        out = deblur(yuv(8), 2)
        for n in range(16):
            try:
                out.get_frame(n).close()
            except vs.Error:
                assert record.error
        del out
        gc.collect()
        core.clear_cache()
        return int(core.used_cache_size)

    run()
    before = run()
    record.error = RuntimeError("failed")
    run()
    assert run() <= before


def test_frames_are_released_when_the_clip_is() -> None:
    def run() -> int:
        list(deblur(yuv(8), 3).frames(close=True))
        gc.collect()
        core.clear_cache()
        return int(core.used_cache_size)

    first = run()
    assert all(run() <= first for _ in range(3))


def test_no_node_is_kept_when_the_clip_is_gone() -> None:
    class Source:  # lives as long as the nodes that use it
        def __call__(self, n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            return f.copy()

    source = Source()
    alive = weakref.ref(source)
    blank = core.std.BlankClip(width=32, height=32, format=vs.YUV420P8, length=6)
    out = deblur(blank.std.ModifyFrame(blank, source), 2)
    list(out.frames(close=True))
    assert alive()
    del source, out
    gc.collect()
    assert not alive()


def test_a_script_that_only_imports_pays_nothing() -> None:
    code = "import sys, vsdeblur.filters.vapoursynth; print([m for m in ('torch', 'kornia', 'av') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


# Company.


def test_between_other_filters() -> None:
    def build() -> vs.VideoNode:
        clip = yuv(6).resize.Bicubic(48, 32, format=vs.YUV444P16, matrix_in_s="709", matrix_s="709")
        clip = deblur(clip, 2).vszip.BoxBlur(hradius=1, vradius=1).std.Convolution([1, 2, 1, 2, 4, 2, 1, 2, 1])
        clip = clip.resize.Bicubic(format=vs.YUV420P10).std.Trim(1, 9)
        return clip.vszip.BoxBlur(hradius=1).std.FlipHorizontal()

    first = [digest(frame) for frame in build().frames()]
    assert len(first) == 9
    again = build()
    assert [digest(again.get_frame(n)) for n in reversed(range(9))] == first[::-1]


def test_after_itself() -> None:
    out = deblur(deblur(yuv(5), 2), "3/2")
    assert (out.num_frames, out.fps) == (15, 90)
    seen = props_of(out)
    assert all((p["_DurationNum"], p["_DurationDen"]) == (1, 90) for p in seen)


def test_rgb_float_after_a_resize_and_back() -> None:
    clip = yuv(4).resize.Bicubic(format=vs.RGBH, matrix_in_s="709")
    out = deblur(clip, 2).resize.Bicubic(format=vs.YUV420P8, matrix_s="709")
    assert sum(1 for _ in out.frames(close=True)) == 8
