"""transcode: exact timing, previews, slow motion."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pyav import decode, packets, run, times, write_clip
from vsdeblur.errors import ArgumentError

pytestmark = pytest.mark.quick

NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize("factor", [1, 2, 4, "5/2"])
def test_constant_rates_are_exact(tmp_path: Path, factor: int | str) -> None:
    source = write_clip(tmp_path / "in.mp4", 10, rate=NTSC)
    report = run(source, tmp_path / "out.mp4", factor)
    count = int(10 * Fraction(factor))
    step = 1 / (NTSC * Fraction(factor))
    assert report.frames_in == 10
    assert report.frames_out == count
    assert report.output_rate == NTSC * Fraction(factor)
    assert times(tmp_path / "out.mp4") == [n * step for n in range(count)]
    durations = [duration for _, duration, _ in sorted(packets(tmp_path / "out.mp4", "video"))]
    assert durations == [step] * count
    assert report.errors == []
    assert not report.partial


def test_fps_means_the_exact_ntsc_rate(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 8, rate=NTSC)
    report = run(source, tmp_path / "out.mp4", 1, fps=59.94)
    assert report.output_rate == Fraction(60_000, 1001)
    assert times(tmp_path / "out.mp4") == [Fraction(1001 * n, 60_000) for n in range(16)]


def test_matroska_rounds_only_at_its_own_tick(tmp_path: Path) -> None:
    """mkv in, mp4 out: the milliseconds of the one are not carried into the other."""
    source = write_clip(tmp_path / "in.mkv", 9, rate=NTSC)
    run(source, tmp_path / "out.mp4", 2)
    assert times(tmp_path / "out.mp4") == [n / (2 * NTSC) for n in range(18)]
    run(source, tmp_path / "out.mkv", 2)
    assert times(tmp_path / "out.mkv") == [Fraction(round(1000 * n / (2 * NTSC)), 1000) for n in range(18)]


VARIABLE = [Fraction(t, 1000) for t in (0, 40, 60, 160, 200, 233, 300, 500, 520, 560)]


@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_a_variable_rate_stays_variable(tmp_path: Path, end: str) -> None:
    source = write_clip(tmp_path / f"in.{end}", 10, times=VARIABLE, rate=Fraction(25))
    run(source, tmp_path / "out.mp4", 2)
    found = times(tmp_path / "out.mp4")
    assert found[::2] == VARIABLE
    for a, b, middle in zip(VARIABLE, VARIABLE[1:], found[1::2], strict=False):
        assert middle == (a + b) / 2


def test_fps_makes_a_variable_rate_uniform(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 10, times=VARIABLE, rate=Fraction(25))
    run(source, tmp_path / "out.mp4", 1, fps=50)
    found = times(tmp_path / "out.mp4")
    assert found == [Fraction(n, 50) for n in range(len(found))]
    assert abs(len(found) - 30) <= 1  # to 0.56 s and a period of about 0.04 s


@given(
    steps=st.lists(st.integers(5, 120), min_size=2, max_size=9),
    factor=st.sampled_from(["1", "2", "3", "3/2", "7/3"]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_durations_add_up(tmp_path: Path, steps: list[int], factor: str) -> None:
    at = [Fraction(0)]
    for step in steps:
        at.append(at[-1] + Fraction(step, 1000))
    source = write_clip(tmp_path / "in.mkv", len(at), (16, 16), times=at, rate=Fraction(20))
    run(source, tmp_path / "out.mp4", factor, overwrite=True)
    found = sorted(packets(tmp_path / "out.mp4", "video"))
    assert len(found) == int(len(at) * Fraction(factor))
    assert all(a[0] < b[0] for a, b in pairwise(found))
    assert all(a[0] + a[1] == b[0] for a, b in pairwise(found))
    covered = Fraction(len(found)) / Fraction(factor)
    if covered >= len(at) - 1:
        assert found[-1][0] + found[-1][1] >= at[-1]


def test_a_preview_cuts_sound_and_picture_alike(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 60, audio="pcm_s16le", chapters=True, subtitles="srt")
    report = run(source, tmp_path / "out.mkv", 2, start=0.5, duration="0:00:01")
    assert report.frames_in == 30
    assert report.frames_out == 60
    found = times(tmp_path / "out.mkv")
    assert found[0] == 0
    assert found[-1] < 1
    sound, was = packets(tmp_path / "out.mkv", "audio"), packets(source, "audio")
    assert 0 <= sound[0][0] < Fraction(1, 40)
    moved = {data: time for time, _, data in was}
    for time, _, data in sound:  # in step with the picture to a tick of the container
        assert abs(moved[data] - time - Fraction(1, 2)) <= Fraction(1, 1000)
    assert sound[-1][0] < 1
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert [(c["start"] * 1.0 * float(c["time_base"])) for c in out.chapters()] == pytest.approx([0, 0.5])
    text = packets(tmp_path / "out.mkv", "subtitle")
    assert [time for time, _, _ in text] == [0]
    assert text[0][1] <= 1


def test_a_preview_finds_the_right_frames_behind_a_key_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 30)  # a key frame every 6
    run(source, tmp_path / "out.mp4", 1, start=Fraction(10, 30), duration=Fraction(3, 30), codec="libx264", crf=1)
    wanted = [frame.to_ndarray()[:32].astype(int) for frame in decode(source)]
    for n, frame in enumerate(decode(tmp_path / "out.mp4")):
        errors = [np.abs(frame.to_ndarray()[:32].astype(int) - other).mean() for other in wanted]
        assert abs(int(np.argmin(errors)) - (10 + n)) <= 1


def test_slow_motion(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 10, rate=NTSC, audio="aac", subtitles="srt", chapters=True)
    report = run(source, tmp_path / "out.mkv", 1, slow=4)
    assert report.frames_out == 40
    assert report.output_rate == NTSC
    assert times(tmp_path / "out.mkv") == [Fraction(floor(1000 * n / NTSC + Fraction(1, 2)), 1000) for n in range(40)]
    assert any("slow motion drops" in warning and "audio" in warning for warning in report.warnings)
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert not out.streams.audio
    before, after = packets(source, "subtitle"), packets(tmp_path / "out.mkv", "subtitle")
    assert after[0][0] == 4 * before[0][0]
    with pytest.raises(ArgumentError, match="slow"):
        run(source, tmp_path / "no.mkv", 2, slow=4)
