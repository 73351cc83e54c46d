"""transcode: targets, arguments, reports, and sources that are damaged or no video at all."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.pyav import decode, flip_bytes, packets, run_fast, video, write_clip
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav import eta

NTSC = Fraction(30_000, 1001)


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    with pytest.raises(DeblurError, match="exists"):
        run_fast(source, target)
    assert target.read_bytes() == b"precious"
    with pytest.raises(ArgumentError):
        run_fast(source, target, overwrite=True, codec="libx264", encoder_options={"nonsense": "1"})
    assert target.read_bytes() == b"precious"
    run_fast(source, target, overwrite=True)
    assert len(decode(target)) == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"codec": "nonsense"}, "codec must be"),
        ({"codec": "aac"}, "codec must be"),
        ({"codec": "wmv2"}, "wmv2 in mp4"),
        ({"crf": -1}, "crf must be"),
        ({"codec": "mpeg4", "crf": 20}, "crf must be left out for mpeg4"),
        ({"start": -1}, "start must be"),
        ({"duration": 0}, "duration must be"),
        ({"start": "later"}, "start must be"),
        ({"start": 1000}, "no frame"),
        ({"slow": 40}, "slow must be"),
        ({"fps": 10}, "fps must be"),
        ({"fps": 1000}, "fps must be"),
        ({"factor": 99}, "factor must be"),
        ({"encoder_options": {"preset": "warp"}}, "libx264"),
        ({"encoder_options": {"nonsense": 1}}, "encoder_options must be"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path: Path, arguments: dict[str, object], said: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    factor = arguments.pop("factor", 1)
    with pytest.raises(DeblurError, match=said) as caught:
        run_fast(source, tmp_path / "out.mp4", factor, **arguments)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("name", ["out", "out.txt", "out.png", "out.srt", "missing/out.mp4", "."])
def test_bad_targets(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    with pytest.raises(DeblurError, match="dst must be"):
        run_fast(source, tmp_path / name)
    with pytest.raises(DeblurError, match="dst must be another file"):
        run_fast(source, source, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_the_report_and_the_progress(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6)
    seen: list[tuple[int, int | None, float, int]] = []
    report = run_fast(source, tmp_path / "out.mp4", 2, progress=lambda *now: seen.append(now))
    assert [done for done, _, _, _ in seen] == list(range(1, 13))
    assert {total for _, total, _, _ in seen} == {12}
    assert all(a[2] <= b[2] for a, b in pairwise(seen))
    assert all(memory > 1 << 20 for _, _, _, memory in seen)
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["output_rate"] == "60"
    assert plain["partial"] is False
    assert plain["frames_out"] == 12
    assert eta(3, 12, 6.0) == 18.0
    assert eta(0, 12, 6.0) is None
    assert eta(3, None, 6.0) is None


def test_webm_and_avi(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6)
    assert run_fast(source, tmp_path / "out.webm", 2, encoder_options={"cpu-used": 8}).codec == "libvpx-vp9"
    assert len(decode(tmp_path / "out.webm")) == 12
    run_fast(source, tmp_path / "out.avi", 2)
    assert len(decode(tmp_path / "out.avi")) == 12
    assert video(tmp_path / "out.avi")["rate"] == 60


def test_damage_in_the_middle_is_reported_and_passed_over(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", 60, (160, 96), options={"crf": "10"})
    source = flip_bytes(whole, tmp_path / "in.mp4", 0.3, 0.5)
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert report.partial
    assert report.as_dict()["partial"] is True
    assert all(" s" in error for error in report.errors)
    assert len(decode(tmp_path / "out.mp4")) == report.frames_out >= 80
    with pytest.raises(InputError, match=r"could not be decoded|damaged"):
        run_fast(source, tmp_path / "strict.mp4", 2, strict=True)
    assert not (tmp_path / "strict.mp4").exists()


def test_a_truncated_file_gives_what_there_is(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 150, (64, 64), codec="ffv1")
    data = whole.read_bytes()
    (tmp_path / "in.mkv").write_bytes(data[: len(data) // 2])
    report = run_fast(tmp_path / "in.mkv", tmp_path / "out.mp4", 2)
    assert report.partial
    assert 120 <= report.frames_out <= 160
    assert any("should last 5.0" in error for error in report.errors)


@pytest.mark.parametrize("kind", ["empty", "text", "missing", "folder", "headless", "sound", "cover"])
def test_inputs_that_are_no_video(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "in.mp4"
    if kind == "empty":
        source.touch()
    elif kind == "text":
        source.write_text("this is a shopping list\n" * 50)
    elif kind == "folder":
        source.mkdir()
    elif kind == "headless":
        whole = write_clip(tmp_path / "whole.mp4", 20)
        source.write_bytes(whole.read_bytes()[:-2000][: whole.stat().st_size // 2])
    elif kind in ("sound", "cover"):
        with av.open(str(source), "w") as output:
            stream = output.add_stream("aac", rate=48_000)
            cover = output.add_stream("png", rate=1) if kind == "cover" else None
            if cover is not None:
                cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
                cover.disposition = av.stream.Disposition.attached_pic
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), "f4"), "fltp", "stereo")
            frame.sample_rate = 48_000
            output.mux(stream.encode(frame))
            output.mux(stream.encode())
            if cover is not None:
                output.mux(cover.encode(av.VideoFrame(16, 16, "rgb24")))
    with pytest.raises(InputError, match=r"cannot open|no video|no frame") as caught:
        run_fast(source, tmp_path / "out.mp4")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.mp4").exists()


def test_a_change_of_size_in_midstream(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", 12)
    second = write_clip(tmp_path / "b.ts", 12, (64, 48))
    (tmp_path / "in.ts").write_bytes(first.read_bytes() + second.read_bytes())
    report = run_fast(tmp_path / "in.ts", tmp_path / "out.mp4", 2)
    assert any("changes from yuv420p 48x32 to yuv420p 64x48 at" in warning for warning in report.warnings)
    assert {(frame.width, frame.height) for frame in decode(tmp_path / "out.mp4")} == {(48, 32)}
    assert report.frames_out >= 40


def test_damaged_sound_does_not_end_the_job(tmp_path: Path) -> None:
    """Matroska carries any bytes as AAC; the mp4 muxer looks at them."""
    source = write_clip(tmp_path / "in.mkv", 30, audio="aac")
    first = packets(source, "audio")[0][2]
    data = source.read_bytes()
    assert data.count(first) == 1
    source.write_bytes(data.replace(first, b"\xff\xf1" + bytes(len(first) - 2)))  # a bad ADTS header
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert any("(audio) could not be written" in error for error in report.errors)
    assert report.frames_out == 60
    assert len(decode(tmp_path / "out.mp4")) == 60
