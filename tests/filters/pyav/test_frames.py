"""deblur_frames: formats, tags, timestamps, and what it refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice, pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pyav import frames, picture
from vsdeblur.clip.cadence import REACH
from vsdeblur.device import torch_threads
from vsdeblur.engine.engine import Engine
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav import deblur_frames
from vsdeblur.filters.pyav.format import closest, layout
from vsdeblur.settings import parse_options

pytestmark = pytest.mark.quick


def exact(value: object) -> Fraction:
    return Fraction(value.numerator, value.denominator)  # type: ignore[attr-defined]


def plain_formats() -> list[str]:
    def is_plain(name: str) -> bool:
        try:
            return bool(layout(name))
        except InputError:
            return False

    return sorted(name for name in av.video.format.names if is_plain(name))


def test_the_formats_that_users_have_are_all_there() -> None:
    known = plain_formats()
    assert len(known) > 150
    for name in (
        *("yuv420p", "yuvj420p", "nv12", "p010le", "yuv444p10le", "yuv440p12le", "yuv411p", "gray", "gray16le"),
        *("gbrp", "gbrpf32le", "rgb24", "bgra", "rgb48le", "yuva420p", "gbrap16le", "ya8", "yuv422p14le"),
    ):
        assert name in known


@pytest.mark.parametrize("name", plain_formats())
def test_every_plain_format_is_read_and_written_where_its_samples_lie(name: str) -> None:
    form = layout(name)
    frame = av.VideoFrame(37, 21, name)
    rng = np.random.default_rng(0)
    wanted = []
    for plane in form.read(frame):
        if form.is_float:
            wanted.append(np.asarray(rng.random(plane.shape)).astype(plane.dtype))
        else:
            wanted.append(rng.integers(0, 1 << form.bits, plane.shape).astype("u1" if form.bits == 8 else "u2"))
    form.write(frame, wanted)
    for plane, values in zip(form.read(frame), wanted, strict=True):
        np.testing.assert_array_equal(plane, values)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "gbrp", "rgb24", "nv12", "gray", "rgba", "gbrpf32le"])
def test_the_samples_agree_with_what_pyav_knows(name: str) -> None:
    """PyAV's own arrays, where it has them, as the reference for the order of planes and components."""
    frame = picture(0, 32, 16, name)
    array = frame.to_ndarray()
    found = layout(name).read(frame)
    if name in ("rgb24", "rgba", "gbrp", "gbrpf32le"):
        for channel, plane in enumerate(found):
            np.testing.assert_array_equal(plane, array[..., channel])
    else:
        np.testing.assert_array_equal(found[0], array[:16])


@pytest.mark.parametrize(
    "name",
    ["yuv420p", "nv12", "p010le", "yuv422p10le", "yuv420p16le", "gray", "gray12le", "gbrp", "gbrpf32le", "rgb24"],
)
@pytest.mark.parametrize("size", [(48, 32), (33, 17)])
def test_a_still_comes_back_as_it_was(name: str, size: tuple[int, int]) -> None:
    still = [picture(0, *size, name) for _ in range(3)]
    for n, frame in enumerate(still):
        frame.pts, frame.time_base = n, Fraction(1, 30)
    restored = list(deblur_frames(still, 2, shutter=0.5))
    form = layout(name)
    assert len(restored) == 6
    for frame in restored:
        assert frame.format.name == name
        assert (frame.width, frame.height) == size
        for got, was in zip(form.read(frame), form.read(still[0]), strict=True):
            slack = 2e-3 if form.is_float else max(1, (1 << form.bits) // 256)
            assert np.abs(got.astype("f8") - was.astype("f8")).max() <= slack


@pytest.mark.parametrize("name", ["yuva420p", "rgba", "gbrap", "yuva444p10le", "ya8"])
def test_alpha_is_carried(name: str) -> None:
    restored = list(deblur_frames(frames(3, name=name), 2, shutter=0.5))
    form = layout(name)
    was = form.read(picture(0, 48, 32, name))[-1].astype("f8")
    got = form.read(restored[0])[-1].astype("f8")
    assert form.has_alpha
    assert np.abs(got - was).mean() < (1 << form.bits) * 0.08  # one pixel of motion of a smooth wave
    assert got.std() > was.std() / 2


def test_tags_and_aspect_stay() -> None:
    def tagged() -> list[av.VideoFrame]:
        graph = av.filter.Graph()
        chain = [
            graph.add("buffer", "video_size=48x32:pix_fmt=yuv420p:time_base=1/30"),
            graph.add("setsar", "16/11"),
            graph.add("buffersink"),
        ]
        chain[0].link_to(chain[1])
        chain[1].link_to(chain[2])
        graph.configure()
        out = []
        for frame in frames(3):
            graph.vpush(frame)
            made = graph.vpull()
            made.color_primaries, made.color_trc, made.colorspace, made.color_range = 5, 6, 5, 1
            made.chroma_location = 3
            out.append(made)
        return out

    for frame in deblur_frames(tagged(), 2, shutter=0.5):
        tags = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range, frame.chroma_location)
        assert tags == (5, 6, 5, 1, 3)
        # PyAV does not show a frame's aspect; a picture scaled by it does: 48 * 16/11 = 69.8
        graph = av.filter.Graph()
        size = f"video_size={frame.width}x{frame.height}:pix_fmt=yuv420p:time_base=1/60:pixel_aspect=16/11"
        chain = [graph.add("buffer", size), graph.add("scale", "w=iw*sar:h=ih"), graph.add("buffersink")]
        chain[0].link_to(chain[1])
        chain[1].link_to(chain[2])
        graph.configure()
        graph.vpush(frame)
        assert graph.vpull().width in (69, 70)


@pytest.mark.parametrize(
    ("factor", "count", "wanted"),
    [(1, 5, 5), (2, 5, 10), ("5/2", 5, 12), (Fraction(3, 2), 1, 1), (16, 2, 32), (1.5, 3, 4)],
)
def test_the_number_of_frames_is_the_floor(factor: object, count: int, wanted: int) -> None:
    assert len(list(deblur_frames(frames(count), factor, shutter=0.5))) == wanted


def shown(restored: list[av.VideoFrame]) -> list[Fraction]:
    return [frame.pts * exact(frame.time_base) for frame in restored if frame.pts is not None]


@given(
    steps=st.lists(st.integers(4, 40), min_size=1, max_size=12),
    factor=st.fractions(1, 4, max_denominator=5),
    begin=st.integers(-50, 500),
)
@settings(max_examples=25, deadline=None)
def test_a_variable_rate_stays_variable(steps: list[int], factor: Fraction, begin: int) -> None:
    """Steps of a 300th of a second or more: nearly equal timestamps are spread evenly."""
    pts = [begin]
    for step in steps:
        pts.append(pts[-1] + step)
    tick = Fraction(1, 1200)
    restored = list(deblur_frames(frames(len(pts), (16, 16), "gray", pts, tick), factor, shutter=0.5, scene_cuts=False))
    assert len(restored) == int(len(pts) * factor)
    times = shown(restored)
    assert times[0] == begin * tick
    assert all(a < b for a, b in pairwise(times))
    for j, time in enumerate(times):  # every output that falls on a source frame has its very timestamp
        position = Fraction(j) / factor
        if position.denominator == 1:
            assert time == pts[int(position)] * tick
    durations = [frame.duration * exact(frame.time_base) for frame in restored]
    for time, duration, following in zip(times, durations, times[1:], strict=False):
        assert time + duration == following


def test_ntsc_is_exact() -> None:
    source = frames(4, pts=[0, 1001, 2002, 3003], tick=Fraction(1, 30_000))
    times = shown(list(deblur_frames(source, fps=59.94, shutter=0.5)))
    assert times == [Fraction(1001 * n, 60_000) for n in range(8)]


def test_milliseconds_are_undone() -> None:
    """Matroska's 33, 67, 100 ms are the 30 fps that they were."""
    pts = [round(Fraction(1000 * n, 30)) for n in range(6)]
    times = shown(list(deblur_frames(frames(6, pts=pts, tick=Fraction(1, 1000)), 2, rate=30, shutter=0.5)))
    assert times == [Fraction(n, 60) for n in range(12)]


def test_fps_makes_a_uniform_grid_of_a_variable_rate() -> None:
    pts = [0, 3, 9, 12, 13, 20]
    restored = list(deblur_frames(frames(6, pts=pts, tick=Fraction(1, 100)), fps=100, rate=25, shutter=0.5))
    assert shown(restored) == [Fraction(n, 100) for n in range(24)]  # to 0.20 s, and a period of 0.04 s more


def test_a_frame_without_timestamp_follows_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    source = list(frames(4))
    source[2].pts = None
    assert shown(list(deblur_frames(source, 1, shutter=0.5))) == [Fraction(n, 30) for n in range(4)]
    source = list(frames(4, pts=[0, 10, 5, 30], tick=Fraction(1, 300)))
    assert shown(list(deblur_frames(source, 1, shutter=0.5))) == [Fraction(n, 300) for n in (0, 5, 10, 30)]
    source = list(frames(4, pts=[0, 10, 10, 30], tick=Fraction(1, 300)))
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        assert shown(list(deblur_frames(source, 1, shutter=0.5))) == [Fraction(n, 300) for n in (0, 10, 20, 30)]
    assert "equal to the one before" in caplog.text


@pytest.mark.parametrize("size", [(1, 16), (16, 1), (2, 2), (3, 5)])
def test_tiny_frames_work_or_are_refused(size: tuple[int, int]) -> None:
    restored = deblur_frames(frames(3, size), 2, shutter=0.5, preset="fast")
    if min(size) == 1:
        with pytest.raises(InputError, match=f"frames of {size[0]}x{size[1]} pixels are too small: 2x2 is the least"):
            list(restored)
    else:
        assert len(list(restored)) == 6


def test_nothing_in_nothing_out() -> None:
    assert list(deblur_frames(iter(()), 4, shutter=0.5)) == []


def test_a_change_of_size_starts_anew_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    source = [*frames(5), *frames(3, (64, 40), pts=[5, 6, 7])]
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        restored = list(deblur_frames(source, 2, shutter=0.5))
    assert [(frame.width, frame.height) for frame in restored] == [(48, 32)] * 10 + [(64, 40)] * 6
    assert shown(restored) == [Fraction(n, 60) for n in range(16)]
    assert "0.167 s" in caplog.text
    assert "yuv420p 64x40" in caplog.text


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_are_read_as_they_are_needed(threads: int) -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        for frame in frames(10_000):
            taken += 1
            yield frame

    with torch_threads(threads):
        restored = deblur_frames(endless(), 2, shutter=0.5)
        assert taken == 0
        plan = Engine(parse_options(shutter=0.5), 32, 48, 3).plan
        for _ in range(6 * plan.chunk):
            next(restored)
        # Three chunks, and those that are worked on or wait beside the third; the halo behind and where repeats are
        # looked for, one more, and one held back.
        chunks = 3 if threads == 1 else 3 + threads
        assert taken <= chunks * plan.chunk + plan.halo + REACH + 3
        restored.close()  # type: ignore[attr-defined]


def test_the_same_frames_give_the_same_bytes() -> None:
    """The output is a pure function of the frames: twice the same bytes."""
    runs = [[layout("yuv420p").read(frame) for frame in deblur_frames(frames(9), 2, shutter=0.5)] for _ in range(2)]
    for first, again in zip(*runs, strict=True):
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["yuv420p", "yuva420p", "gbrp10le"])
def test_the_number_of_threads_changes_no_byte_and_no_timestamp(name: str) -> None:
    runs = []
    for threads in (1, 2, 3, 8):
        with torch_threads(threads):
            made = list(deblur_frames(frames(25, (50, 38), name), Fraction(3, 2), shutter=0.5, preset="fast"))
        runs.append([(frame.pts, [x.tobytes() for x in layout(name).read(frame)]) for frame in made])
    assert len(runs[0]) == 37
    assert all(run == runs[0] for run in runs[1:])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_frames_before_one_that_is_refused_are_given_out(threads: int) -> None:
    clip = chain(islice(frames(40), 33), interlaced(islice(frames(40), 33, None)))
    given: list[av.VideoFrame] = []
    with torch_threads(threads), pytest.raises(InputError, match="interlaced"):
        given.extend(deblur_frames(clip, 1, shutter=0.5, preset="fast"))
    assert len(given) == 24  # three chunks: the fourth reaches up to it


def interlaced(some: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    graph = av.filter.Graph()
    chain = [
        graph.add("buffer", "video_size=48x32:pix_fmt=yuv420p:time_base=1/30"),
        graph.add("setfield", "tff"),
        graph.add("buffersink"),
    ]
    chain[0].link_to(chain[1])
    chain[1].link_to(chain[2])
    graph.configure()
    for frame in some:
        graph.vpush(frame)
        yield graph.vpull()


def test_interlaced_frames_are_refused() -> None:
    with pytest.raises(InputError, match=r"interlaced.*bwdif.*or, where only the flags are wrong, give progressive"):
        list(deblur_frames(interlaced(frames(3)), 2, shutter=0.5))
    assert len(list(deblur_frames(interlaced(frames(3)), 2, shutter=0.5, progressive=True))) == 6


@pytest.mark.parametrize(
    ("name", "instead"),
    [("pal8", "rgb24"), ("yuyv422", "yuv422p"), ("monob", "gray"), ("bayer_rggb8", "rgb48le"), ("rgb565le", "rgb24")],
)
def test_other_formats_are_refused_with_a_way_out(name: str, instead: str) -> None:
    frame = av.VideoFrame(32, 32, name)
    frame.pts, frame.time_base = 0, Fraction(1, 30)
    with pytest.raises(DeblurError, match=rf"{name} is not supported: convert to {instead} first"):
        list(deblur_frames([frame], 2, shutter=0.5))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"factor": 0.5}, "factor"),
        ({"factor": 17}, "factor"),
        ({"factor": "x"}, "factor"),
        ({"fps": -1}, "fps"),
        ({"shutter": 2}, "shutter"),
        ({"preset": "huge"}, "preset"),
        ({"scene_cuts": "maybe"}, "scene_cuts"),
        ({"max_memory": "much"}, "max_memory"),
        ({"transfer": "film"}, "transfer"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments: dict[str, object], name: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        deblur_frames(frames(2), **arguments)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_a_shutter_in_seconds_takes_the_rate_from_the_timestamps() -> None:
    assert len(list(deblur_frames(frames(4), 2, shutter="1/60s"))) == 8
    with pytest.raises(ArgumentError, match="shutter"):
        list(deblur_frames(frames(4), 2, shutter="1/20s"))


def test_the_closest_format_loses_least() -> None:
    assert closest("p010le", ["yuv420p", "yuv420p10le", "yuv444p10le"]).name == "yuv420p10le"
    assert closest("yuv422p12le", ["yuv420p12le", "yuv422p10le", "yuv444p12le"]).name == "yuv444p12le"
    assert closest("rgb24", ["yuv420p", "yuv444p", "gray"]).name == "yuv444p"
    assert closest("yuva420p", ["yuv420p", "yuva420p10le"]).name == "yuva420p10le"
