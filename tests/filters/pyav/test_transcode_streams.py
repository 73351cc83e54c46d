"""transcode: what goes with the video, and the video's own tags, format and size."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.pyav import decode, packets, picture, run_fast, times, video, write_clip
from vsdeblur.errors import ArgumentError, InputError


def test_everything_else_is_copied(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv",
        20,
        audio="aac",
        subtitles="srt",
        metadata={"title": "Ein Titel", "comment": "über alles", "camera": "X100"},
        chapters=True,
        attachment=True,
    )
    report = run_fast(source, tmp_path / "out.mkv", 2)
    assert report.warnings == []
    with av.open(str(tmp_path / "out.mkv")) as out, av.open(str(source)) as was:
        assert [stream.type for stream in out.streams] == [stream.type for stream in was.streams]
        tags = {name.lower(): value for name, value in out.metadata.items()}
        assert (tags["title"], tags["comment"], tags["camera"]) == ("Ein Titel", "über alles", "X100")
        assert out.streams.audio[0].metadata["language"] == "ger"
        assert out.streams.subtitles[0].metadata["language"] == "fre"
        assert [c["metadata"]["title"] for c in out.chapters()] == ["first", "second"]
        assert [(c["start"], c["end"]) for c in out.chapters()] == [(c["start"], c["end"]) for c in was.chapters()]
        kept = next(stream for stream in out.streams if stream.type == "attachment")
        assert kept.data == b"kept as it is"  # type: ignore[attr-defined]
        assert out.streams.audio[0].disposition == was.streams.audio[0].disposition
    assert packets(tmp_path / "out.mkv", "audio") == packets(source, "audio")
    assert packets(tmp_path / "out.mkv", "subtitle") == packets(source, "subtitle")


def test_mp4_keeps_sound_text_chapters_and_a_cameras_own_tags(tmp_path: Path) -> None:
    moment = "2020-05-04T03:02:01.000000Z"
    source = write_clip(
        tmp_path / "in.mkv",
        20,
        audio="aac",
        metadata={"firmware": "1.2", "title": "t", "creation_time": moment},
        chapters=True,
    )
    run_fast(source, tmp_path / "out.mp4", 2)
    assert [data for _, _, data in packets(tmp_path / "out.mp4", "audio")] == [
        data for _, _, data in packets(source, "audio")
    ]
    with av.open(str(tmp_path / "out.mp4")) as out:
        tags = {name.lower(): value for name, value in out.metadata.items()}
        assert (tags["firmware"], tags["title"], tags["creation_time"]) == ("1.2", "t", moment)
        assert [c["metadata"]["title"] for c in out.chapters()] == ["first", "second"]


def test_mov_text_and_pcm(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", 20, audio="pcm_s16le", subtitles="mov_text")
    report = run_fast(source, tmp_path / "out.mov", 2)
    assert report.warnings == []
    assert b"".join(data for _, _, data in packets(tmp_path / "out.mov", "audio")) == b"".join(
        data for _, _, data in packets(source, "audio")
    )
    assert [data for _, _, data in packets(tmp_path / "out.mov", "subtitle") if b"hello" in data]


def test_a_stream_that_does_not_fit_is_left_out_with_a_warning(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 12, audio="aac", subtitles="srt", attachment=True)
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert len(packets(tmp_path / "out.mp4", "audio")) == len(packets(source, "audio"))
    assert any("subtitle" in warning and "left out" in warning for warning in report.warnings)
    assert any("attachment" in warning and "left out" in warning for warning in report.warnings)
    assert not report.partial


@pytest.mark.parametrize("end", ["mp4", "mov", "mkv"])
def test_aspect_rotation_and_colour_stay(tmp_path: Path, end: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, (48, 64), aspect=Fraction(16, 11), rotation=90, tags=(5, 6, 5, 1))
    run_fast(source, tmp_path / f"out.{end}", 2)
    found, was = video(tmp_path / f"out.{end}"), video(source)
    assert found["aspect"] == was["aspect"] == Fraction(16, 11)
    assert found["tags"] == was["tags"] == (5, 6, 5, 1)
    assert found["size"] == (48, 64)
    assert decode(tmp_path / f"out.{end}")[0].rotation == decode(source)[0].rotation == 90


def test_full_range_stays_full(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, name="yuvj420p", tags=(1, 1, 1, 2))
    run_fast(source, tmp_path / "out.mp4", 2)
    assert video(tmp_path / "out.mp4")["format"] == "yuvj420p"
    out, was = decode(tmp_path / "out.mp4")[4], decode(source)[2]
    a, b = (np.frombuffer(f.planes[0], "u1").reshape(f.height, -1)[:, : f.width].astype(int) for f in (out, was))
    assert abs(a.mean() - b.mean()) < 1.5
    assert out.color_range == 2


def test_ten_bits_and_hdr_stay(tmp_path: Path) -> None:
    mastering = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    source = write_clip(
        tmp_path / "in.mp4",
        6,
        (64, 64),
        codec="libx265",
        name="yuv420p10le",
        tags=(9, 16, 9, 1),
        options={"x265-params": f"log-level=error:master-display={mastering}:max-cll=1000,400", "preset": "ultrafast"},
    )
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert report.codec == "libx265"
    found = video(tmp_path / "out.mp4")
    assert found["format"] == "yuv420p10le"
    assert found["tags"] == (9, 16, 9, 1)

    def hdr(path: Path) -> dict[str, bytes]:
        frame = decode(path)[0]
        return {
            kind.name: bytes(frame.side_data[kind])
            for kind in frame.side_data
            if "LIGHT" in kind.name or "MAS" in kind.name
        }

    assert hdr(tmp_path / "out.mp4") == hdr(source)
    assert struct.unpack("2I", hdr(source)["CONTENT_LIGHT_LEVEL"]) == (1000, 400)


@pytest.mark.parametrize(
    ("name", "codec", "target"),
    [
        ("yuv422p10le", "ffv1", "yuv422p10le"),
        ("yuva444p", "ffv1", "yuva444p"),
        ("gray16le", "ffv1", "gray16le"),
        ("gbrp12le", "ffv1", "gbrp12le"),
        ("yuv420p10le", "libx264", "yuv420p10le"),
        ("gbrp16le", "libx264", "yuv420p10le"),
        ("yuva420p", "libx264", "yuv420p"),
    ],
)
def test_formats_go_to_the_nearest_that_the_codec_holds(tmp_path: Path, name: str, codec: str, target: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, codec="ffv1", name=name, tags=(1, 1, 0 if "gb" in name else 1, 1))
    report = run_fast(source, tmp_path / "out.mkv", 2, codec=codec)
    assert video(tmp_path / "out.mkv")["format"] == target
    assert bool(report.warnings) == (name in ("gbrp16le", "yuva420p"))


@pytest.mark.parametrize("size", [(33, 17), (16, 16), (31, 64)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    """H.264 in 4:2:0, which players take, has even sizes alone."""
    source = write_clip(tmp_path / "in.mkv", 4, size, codec="ffv1")
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert video(tmp_path / "out.mp4")["size"] == (size[0] // 2 * 2, size[1] // 2 * 2)
    assert video(tmp_path / "out.mp4")["format"] == "yuv420p"
    assert bool(report.lost) == any(side % 2 for side in size)
    run_fast(source, tmp_path / "whole.mp4", 2, pixel_format="yuv444p")
    assert video(tmp_path / "whole.mp4")["size"] == size
    run_fast(source, tmp_path / "whole.mkv", 2, codec="ffv1")
    assert video(tmp_path / "whole.mkv")["size"] == size


def test_a_still_keeps_its_values(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for n in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 250, "u1"), "yuv420p")  # beyond the limited range
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    run_fast(source, tmp_path / "out.mkv", 2, codec="ffv1")
    for frame in decode(tmp_path / "out.mkv"):
        assert np.abs(frame.to_ndarray().astype(int) - 250).max() <= 1


def test_an_aspect_that_gets_lost_is_told(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3, aspect=Fraction(16, 11))
    report = run_fast(source, tmp_path / "out.mkv", 1, codec="ffv1")
    assert any("does not keep the sample aspect ratio 16:11" in warning for warning in report.warnings)
    assert run_fast(source, tmp_path / "out.mp4", 1, codec="ffv1").warnings == []
    assert video(tmp_path / "out.mp4")["aspect"] == Fraction(16, 11)


def test_small_pictures_of_more_bits_keep_away_from_x265(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, codec="ffv1", name="yuv420p10le")
    report = run_fast(source, tmp_path / "out.mp4", 2)
    assert (report.codec, report.pixel_format) == ("libx264", "yuv420p10le")
    with pytest.raises(ArgumentError, match="codec must be"):
        run_fast(source, tmp_path / "no.mp4", 2, codec="libx265")


def test_a_timecode_track_is_left_out_and_written_anew(tmp_path: Path) -> None:
    """GoPro's files have one as well: PyAV refuses its header, and the muxer makes one from the video's tag."""
    source = write_clip(tmp_path / "in.mov", 6, timecode="01:02:03:04")
    report = run_fast(source, tmp_path / "out.mov", 2)
    assert not [warning for warning in report.warnings if "data" in warning]
    with av.open(str(tmp_path / "out.mov")) as out:
        assert out.streams.video[0].metadata["timecode"] == "01:02:03:08"  # the eighth of 60 frames
    assert report.frames_out == 12


def test_a_data_stream_is_copied(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.ts", 30, audio="aac", telemetry=True)
    report = run_fast(source, tmp_path / "out.ts", 2)
    assert report.warnings == []
    before, after = packets(source, "data"), packets(tmp_path / "out.ts", "data")
    assert [data for _, _, data in after] == [data for _, _, data in before]
    assert len(after) == 3
    steps = [(b[0] - a[0]) for a, b in pairwise(after)]
    assert steps == [Fraction(3, 10)] * 2


def test_a_source_that_starts_late_keeps_sound_and_picture_together(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.ts", 30, audio="aac")
    lead = times(source)[0] - packets(source, "audio")[0][0]
    for resume in (False, True):
        run_fast(source, tmp_path / "out.mp4", 2, resume=resume, overwrite=True)
        found = times(tmp_path / "out.mp4")[0] - packets(tmp_path / "out.mp4", "audio")[0][0]
        assert abs(found - lead) < Fraction(1, 20_000)


def test_a_cover_stays(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as output:
        video_stream, cover = output.add_stream("libx264", rate=30), output.add_stream("png", rate=1)
        video_stream.width = video_stream.height = 64
        cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(picture(0, 16, 16, "rgb24")))
        for n in range(12):
            frame = picture(n, 64, 64)
            frame.pts, frame.time_base = n, Fraction(1, 30)
            output.mux(video_stream.encode(frame))
        output.mux(video_stream.encode())
    report = run_fast(source, tmp_path / "out.mp4", 2, start=0.1)
    assert report.lost == []
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert [stream.codec_context.name for stream in out.streams] == ["h264", "png"]
        assert out.streams[1].disposition == av.stream.Disposition.attached_pic
        assert len([packet for packet in out.demux(out.streams[1]) if packet.size]) == 1


def test_interlaced_files_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, (64, 64), options={"x264-params": "tff=1"})
    with pytest.raises(InputError, match="4 of the first 4 frames are interlaced, from number 0 on"):
        run_fast(source, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
