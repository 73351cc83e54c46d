"""The VapourSynth filter on the real core: formats, alpha, requests, and the company of other filters."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
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
    count_solves,
    digest,
    last_line,
    moving,
    noise,
    planes,
    props_of,
    record_engine,
    shapes,
    yuv,
)
from vsdeblur import deblur
from vsdeblur.device import torch_threads
from vsdeblur.engine.shared import _kept_engine as engines
from vsdeblur.engine.shared import _thread_of as engine_threads
from vsdeblur.filters.vapoursynth import chunk as _vs_chunk
from vsdeblur.filters.vapoursynth.props import ClipTiming
from vsdeblur.settings import parse_options

pytestmark = pytest.mark.quick

torch.set_num_threads(1)


@pytest.fixture
def threads() -> Iterator[None]:
    """Puts the core's thread count back."""
    before = core.num_threads
    yield
    core.num_threads = before


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


def _always(picture: Any, n: int) -> Any:
    return picture


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
        deblur(clip_of(fmt.id, 16, height, 1, partial(_always, picture), props), transfer="linear").get_frame(0)
        assert record.windows[-1].frames[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    deblur(clip_of(fmt.id, 16, 16, 1, lambda n: red), transfer="linear").get_frame(0)  # BT.601: not pure red
    assert record.windows[-1].frames[0, :, 0, 0].tolist() != pytest.approx([1, 0, 0], abs=0.01)


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


def test_one_solve_per_chunk_however_many_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = count_solves(monkeypatch)
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


def test_many_requests_and_several_threads_of_torch_give_the_same_bytes(threads: None) -> None:
    """Threads that a chunk's pieces are shared over wait for none of the core's, however many requests wait for it."""
    source, found = yuv(9), []
    core.num_threads = 4
    for count in (1, 3):
        with torch_threads(count):
            engine_threads.cache_clear()  # the thread that chunks are solved in begins anew, with so many
            engines.cache_clear()
            out = deblur(source, 2, shutter=1.0)
            found.append([digest(frame) for frame in out.frames(prefetch=8, backlog=16)])
    engine_threads.cache_clear()
    assert found[0] == found[1]
    assert len(found[0]) == 18


def test_a_chunk_that_fails_beside_another_fails_alone(threads: None) -> None:
    """Two chunks are solved at once where torch has two threads; every output of the bad one says why."""
    core.num_threads = 2
    with torch_threads(2):
        engine_threads.cache_clear()
        engines.cache_clear()
        out = deblur(yuv(40, props=lambda n: {"_FieldBased": 2 * (n == 2)}), 1, shutter=1.0, preset="fast")
        refused = []
        for n in range(40):
            try:
                out.get_frame(n).close()
            except vs.Error as error:
                refused.append((n, "frame 2 is interlaced" in str(error)))
    engine_threads.cache_clear()
    engines.cache_clear()
    assert refused == [(n, True) for n in range(8)]


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_asked_for_at_construction_and_every_frame_once(threads: None, count: int) -> None:
    core.num_threads = 2
    with torch_threads(count):
        engine_threads.cache_clear()
        engines.cache_clear()
        _asks_once()
    engine_threads.cache_clear()
    engines.cache_clear()


def _asks_once() -> None:
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
    plan = _vs_chunk.ChunkSolver(parse_options(factor=2), endless.format, 32, 24, ClipTiming(10, None, False))
    assert max(memory) < plan.window_length, "a memory of one window is enough"


def test_a_clip_can_become_too_long() -> None:
    with pytest.raises(vs.Error, match=r"deblur: a clip cannot have 3221225472 frames: lower factor"):
        deblur(core.std.BlankClip(width=32, height=32, length=2**30), 3)


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


@pytest.mark.parametrize("factor", [1, 2, "5/2", Fraction(1000, 999)])
def test_a_proxy_has_as_many_frames_and_restores_none(factor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.filters.vapoursynth import chunk

    clip = vs.core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=7, fpsnum=30, fpsden=1)
    clip = clip.std.FrameEval(lambda n: clip.std.BlankClip(color=n, keep=True))
    whole = deblur(clip, factor=factor, shutter=0.5)
    monkeypatch.setattr(chunk, "ChunkSolver", None)
    proxy = deblur(clip, factor=factor, shutter=0.5, proxy=True)
    assert (proxy.num_frames, proxy.fps, proxy.format.id) == (whole.num_frames, whole.fps, whole.format.id)
    shown = [int(np.asarray(frame[0])[0, 0]) for frame in proxy.frames()]
    assert shown == [int(n / Fraction(factor)) for n in range(whole.num_frames)]
    with pytest.raises(vs.Error, match="factor must be"):
        deblur(clip, factor=40, proxy=True)
