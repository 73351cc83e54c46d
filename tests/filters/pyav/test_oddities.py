"""transcode and inspect on files as people's devices write them: streams, times and tags as players show them."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from av.stream import Disposition
from click.testing import CliRunner

from tests.support import oddities
from tests.support.pyav import decode, packets, run, times, write_clip
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav.file.losses import stream_facts
from vsdeblur.filters.pyav.file.rate import measured_rate
from vsdeblur.filters.pyav.file.reading import ReadOptions, for_ffmpeg
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect.survey import file_samples


def inspected(path: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["inspect", str(path), "--no-time", "--json", "--frames", "60", *options])
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Time


@pytest.mark.parametrize("starts", [(600, 0), (5, 100_000), (0, 0)], ids=["back", "hours", "again"])
def test_joined_recordings_go_on_with_their_sound(tmp_path: Path, starts: tuple[int, int]) -> None:
    lengths = [Fraction(1, 2)] * 2
    source = oddities.joined(tmp_path / "in.ts", lengths, [Fraction(start) for start in starts])
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert [remark for remark in report.warnings if "timestamps" in remark] == [
        "the timestamps start again or leap (joined recordings): all streams go on there, moved by the same time"
    ]
    found = times(tmp_path / "out.mp4")
    assert len(found) == 30
    assert max(b - a for a, b in pairwise(found)) <= Fraction(1, 10)
    assert found[-1] - found[0] <= Fraction(11, 10)
    before, after = packets(source, "audio"), packets(tmp_path / "out.mp4", "audio")
    assert len(after) == len(before)
    with av.open(str(tmp_path / "out.mp4")) as out:
        sound = [packet.pts * packet.time_base for packet in out.demux(audio=0) if packet.size]
        assert max(b - a for a, b in pairwise(sound)) < 0.2
    assert not report.errors


def test_a_uniform_grid_does_not_fill_a_leap(tmp_path: Path) -> None:
    source = oddities.joined(tmp_path / "in.ts", [Fraction(1, 3)] * 2, [Fraction(0), Fraction(50_000)], sound=False)
    report = run(source, tmp_path / "out.mp4", 1, fps=60, preset="fast")
    assert 36 <= report.frames_out <= 44


def test_a_leap_of_an_hour_in_an_index_is_no_rate(tmp_path: Path) -> None:
    """mp4 says of the frame before that it lasts so long, and its average rate is next to nothing."""
    times_in = [Fraction(n, 30) + (4000 if n >= 6 else 0) for n in range(12)]
    source = write_clip(tmp_path / "in.mp4", 12, oddities.SIZE, times=times_in, options={"bf": "0"})
    report = run(source, tmp_path / "out.mp4", 1, fps=60, preset="fast")
    assert (report.source_rate, report.frames_out) == (Fraction(30), 24)
    assert len(report.warnings) == 1
    timing = inspected(source)["timing"]
    assert (timing["rate"], timing["frames"], timing["variable"]) == ("30", 12, False)
    assert timing["seconds"] == pytest.approx(0.4)


def test_joined_recordings_are_as_long_as_what_they_hold(tmp_path: Path) -> None:
    source = oddities.joined(tmp_path / "in.ts", [Fraction(1, 3)] * 2, [Fraction(0), Fraction(1000)])
    timing = inspected(source)["timing"]
    assert timing["frames"] == 20
    assert timing["seconds"] == pytest.approx(2 / 3, abs=0.1)


def test_decoding_times_are_sorted(tmp_path: Path) -> None:
    source = oddities.with_decoding_times_alone(tmp_path / "in.avi")
    raw = times(source)
    assert raw != sorted(raw)
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    for n, time in enumerate(times(tmp_path / "out.mp4")):  # mp4 keeps its beginning in milliseconds
        assert abs(time - min(raw) - Fraction(n, 30)) < Fraction(1, 1000)
    assert report.frames_out == 24
    assert report.warnings == []
    with Source(str(source), ReadOptions(start=Fraction(1, 5), duration=Fraction(1, 5))) as part:
        assert len(list(part.frames())) == 6


def test_a_time_base_is_no_rate(tmp_path: Path) -> None:
    chance = random.Random(4)
    stamps = [0, *(round(n * 100 / 3) + chance.choice((-9, -5, 0, 5, 9)) for n in range(1, 30))]
    source = oddities.without_rate(tmp_path / "in.webm", stamps)
    with av.open(str(source)) as container:
        assert container.streams.video[0].guessed_rate == 1000
        assert measured_rate(container, 0) == 30
    report = run(source, tmp_path / "out.y4m", 2, shutter="1/60s", preset="fast", encoder_options=None)
    assert (report.source_rate, report.output_rate) == (Fraction(30), Fraction(60))
    assert (tmp_path / "out.y4m").read_bytes().split(b"\n")[0].split()[3] == b"F60:1"
    assert run(source, tmp_path / "out.mp4", 1, fps=60, preset="fast").output_rate == 60
    found = inspected(source)
    assert found["timing"]["rate"] == "30"
    assert found["timing"]["seconds"] == pytest.approx(1, abs=0.1)


def test_a_pause_stands(tmp_path: Path) -> None:
    """A screen that moves, rests for a second, and moves on: nothing moves, or dissolves, while it rests."""
    shown = [Fraction(n, 30) + (1 if n >= 6 else 0) for n in range(12)]
    source = write_clip(tmp_path / "in.mkv", 12, oddities.SIZE, codec="ffv1", times=shown)
    report = run(source, tmp_path / "out.mkv", 1, fps=60, codec="ffv1", preset="fast")
    rests = decode(source)[5].to_ndarray(format="rgb24").astype(int)
    found = [frame.to_ndarray(format="rgb24") for frame in decode(tmp_path / "out.mkv")]
    assert report.frames_out == len(found) == 84
    errors = [float(np.abs(picture - rests).mean()) for picture in found[14:68]]
    assert max(errors) < 3


def test_a_late_start_is_no_truncation(tmp_path: Path) -> None:
    source = oddities.starting_late(tmp_path / "in.mkv", 600)
    report = run(source, tmp_path / "out.mkv", 1, preset="fast")
    assert report.errors == []
    assert report.frames_out == 30
    assert times(tmp_path / "out.mkv")[0] == 0
    assert inspected(source)["timing"]["frames"] in (30, 31)


def test_source_fps_overrides_timestamps(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.avi", 12, oddities.SIZE, rate=Fraction(25), codec="mpeg4")
    report = run(source, tmp_path / "out.mp4", 2, source_fps="24000/1001", preset="fast")
    assert (report.source_rate, report.output_rate) == (Fraction(24_000, 1001), Fraction(48_000, 1001))
    assert times(tmp_path / "out.mp4") == [Fraction(1001 * n, 48_000) for n in range(24)]
    part = run(source, tmp_path / "part.mp4", 1, source_fps=12, start=0.5, duration=0.25, preset="fast")
    assert part.frames_out == 3
    assert inspected(source, "--source-fps", "50")["timing"]["rate"] == "50"
    raw = write_clip(tmp_path / "in.y4m", 4, oddities.SIZE, rate=Fraction(25), codec="wrapped_avframe")
    assert run(raw, tmp_path / "of.mp4", 2, source_fps=10, preset="fast").output_rate == 20


def test_a_sequence_of_pictures(tmp_path: Path) -> None:
    for n, frame in enumerate(decode(write_clip(tmp_path / "in.mkv", 6, oddities.SIZE, codec="ffv1"))):
        frame.to_image().save(tmp_path / f"shot_{n:03d}.png")
    report = run(tmp_path / "shot_%03d.png", tmp_path / "out.mp4", 1, source_fps=12, shutter=None, preset="fast")
    assert report.frames_out == 6
    assert times(tmp_path / "out.mp4") == [Fraction(n, 12) for n in range(6)]
    with pytest.raises(ArgumentError, match="resume must be left out for a source that is no file"):
        run(tmp_path / "shot_%03d.png", tmp_path / "later.mp4", 1, resume=True)


# Interlacing


def test_interlaced_frames_are_found_before_the_work_starts(tmp_path: Path) -> None:
    source = oddities.partly_interlaced(tmp_path / "in.m2v", 12, 12)
    with pytest.raises(InputError, match=r"of the first 2\d frames are interlaced, from number 1\d on: deinterlace"):
        run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert inspected(source)["picture"]["interlaced"] in (11, 12, 13)
    report = run(source, tmp_path / "out.mp4", 1, progressive=True, preset="fast")
    assert report.frames_out == report.frames_in >= 23
    assert not report.errors


def test_later_ones_do_not_discard_the_work(tmp_path: Path) -> None:
    source = oddities.partly_interlaced(tmp_path / "in.m2v", 52, 6)
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert report.frames_out == report.frames_in >= 57
    assert len(report.errors) == 1
    assert "are interlaced: taken as if they were progressive" in report.errors[0]
    with pytest.raises(InputError, match="interlaced"):
        run(source, tmp_path / "strict.mp4", 1, strict=True, preset="fast")


# Tags and formats


@pytest.mark.parametrize(
    ("tags", "height", "read_as"), [((1, 1, 0, 1), 64, 6), ((9, 16, 14, 1), 64, 9), ((9, 1, 10, 1), 64, 9)]
)
def test_impossible_matrices_are_read_as_plausible_ones(
    tmp_path: Path, tags: tuple[int, int, int, int], height: int, read_as: int
) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, (96, height), codec="ffv1", tags=tags)
    report = run(source, tmp_path / "out.mkv", 1, codec="ffv1", preset="fast")
    assert [remark for remark in report.warnings if f"matrix {tags[2]} cannot be" in remark]
    assert decode(tmp_path / "out.mkv")[0].colorspace == read_as


def test_given_tags_count(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 4, oddities.SIZE, tags=(2, 2, 2, 1))
    run(source, tmp_path / "out.mp4", 1, matrix="bt709", range="full", primaries="bt2020", preset="fast")
    found = decode(tmp_path / "out.mp4")[0]
    assert (found.color_primaries, found.colorspace, found.color_range) == (9, 1, 2)
    with pytest.raises(ArgumentError, match="matrix must be None or one of bt709"):
        run(source, tmp_path / "no.mp4", 1, matrix="rgb")


@pytest.mark.parametrize("end", ["mp4", "webm", "gif", "apng", "webp"])
def test_animations(tmp_path: Path, end: str) -> None:
    source = oddities.animation(tmp_path / "in.gif")
    options = {"cpu-used": 8} if end == "webm" else {}
    report = run(source, tmp_path / f"out.{end}", 2, preset="fast", encoder_options=options)
    assert report.pixel_format in ("yuv420p", "yuva420p", "pal8", "rgba", "rgb24", "bgra")
    with av.open(str(tmp_path / f"out.{end}")) as out:
        shown = [frame.to_ndarray(format="rgb24") for frame in out.decode(video=0)]
    assert len(shown) == 12
    was = decode(source)[3].to_ndarray(format="rgb24").astype(int)
    assert np.abs(shown[6].astype(int) - was).mean() < 12


@pytest.mark.parametrize("name", ["bgr0", "yuv440p", "yuv411p"])
def test_what_players_refuse_becomes_what_they_take(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 3, oddities.SIZE, codec="ffv1", name=name, tags=(2, 2, 2, 0))
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert report.pixel_format == "yuv420p"
    assert [lost for lost in report.lost if "colour becomes 4:2:0, which players take" in lost]


def test_what_could_not_be_read_again_is_refused(tmp_path: Path) -> None:
    """MPEG-TS takes every codec, and does not say of most which it is."""
    source = write_clip(tmp_path / "in.mp4", 3, oddities.SIZE)
    with pytest.raises(DeblurError, match="ffv1 with yuv420p in mpegts is not possible: it could not be read again"):
        run(source, tmp_path / "out.ts", 1, codec="ffv1", preset="fast")
    with pytest.raises(ArgumentError, match="dst must be a name that ends in"):
        run(source, tmp_path / "out.m3u8", 1)


@pytest.mark.parametrize(
    ("name", "target", "given"),
    [
        ("yuva420p", "out.mp4", {"codec": "libx264", "pixel_format": "yuva420p"}),
        ("yuv420p10le", "out.mp4", {"codec": "mpeg4", "pixel_format": "yuv420p10le"}),
        ("yuv420p", "out.webm", {"codec": "prores_ks"}),
        ("yuv420p", "out.webm", {"codec": "libx264"}),
        ("yuv420p", "x" * 300 + ".mp4", {}),
        ("yuv420p", "nowhere/out.mp4", {}),
    ],
)
def test_what_muxers_and_encoders_refuse_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str, given: dict[str, Any]
) -> None:
    def works(*_: Any, **__: Any) -> Any:
        raise AssertionError("frames are restored")

    monkeypatch.setattr("vsdeblur.engine.engine.Engine.restore", works)
    source = write_clip(tmp_path / "in.mkv", 3, oddities.SIZE, codec="ffv1", name=name)
    with pytest.raises(DeblurError) as refused:
        run(source, tmp_path / target, 1, preset="fast", **given)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize("end", ["gif", "png", "webp"])
def test_animations_are_inspected_as_videos(tmp_path: Path, end: str) -> None:
    found = inspected(oddities.animation(tmp_path / f"in.{end}"))
    assert (found["timing"]["rate"], found["timing"]["frames"]) == ("25", 6)


def test_colours_of_gif_are_in_palettes(tmp_path: Path) -> None:
    source = oddities.animation(tmp_path / "in.gif")
    with pytest.raises(ArgumentError, match="pixel_format must be one of pal8 for gif"):
        run(source, tmp_path / "out.gif", 1, preset="fast", pixel_format="rgb8", encoder_options=None)
    report = run(source, tmp_path / "out.gif", 1, preset="fast", pixel_format="pal8", encoder_options=None)
    assert report.pixel_format == "pal8"


def test_transparency_of_webm_stays(tmp_path: Path) -> None:
    source = oddities.transparent_webm(tmp_path / "in.webm")
    report = run(source, tmp_path / "out.webm", 1, preset="fast", encoder_options={"cpu-used": 8})
    assert (report.pixel_format, report.lost) == ("yuva420p", [])
    with av.open(str(tmp_path / "out.webm")) as out:
        assert all(packet.has_sidedata("matroska_block_additional") for packet in out.demux(video=0) if packet.size)
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert [lost for lost in report.lost if "alpha is dropped" in lost]


def test_deep_transparency_goes_where_it_can(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", 3, (96, 64), codec="prores_ks", name="yuva444p10le", tags=(1, 1, 1, 1))
    for end in ("mp4", "mkv", "webm"):
        report = run(source, tmp_path / f"out.{end}", 1, preset="fast", encoder_options={})
        assert report.lost
    kept = run(source, tmp_path / "out.mov", 1, codec="prores_ks", preset="fast")
    assert kept.pixel_format == "yuva444p10le"
    assert not [lost for lost in kept.lost if "alpha" in lost]


# What would be lost


def test_cropping_by_the_container_is_applied(tmp_path: Path) -> None:
    source = oddities.with_box(write_clip(tmp_path / "in.mp4", 4, (96, 64)), oddities.CROPPED_TO_96X48)
    report = run(source, tmp_path / "out.mp4", 1, preset="fast", crf=1)
    assert (report.width, report.height) == (96, 48)
    assert [remark for remark in report.warnings if "cropped as the container says: 8 rows above, 8 below" in remark]
    luma = [
        frame.to_ndarray()[:height]
        for frame, height in ((decode(source)[2], 64), (decode(tmp_path / "out.mp4")[2], 48))
    ]
    assert np.abs(luma[0][8:56].astype(int) - luma[1]).mean() < 12


def test_samples_are_cropped_wherever_they_lie(tmp_path: Path) -> None:
    """Those after a jump to a key frame too."""
    source = write_clip(tmp_path / "in.mp4", 240, (96, 64), options={"g": "20"})
    oddities.with_box(source, oddities.CROPPED_TO_96X48)
    with Source(str(source)) as opened:
        samples = list(file_samples(opened, None))
    assert len(samples) > 2
    assert {tuple(sample.frames.shape[2:]) for sample in samples} == {(48, 96)}


@pytest.mark.parametrize(
    ("end", "box", "said"),
    [
        ("mp4", oddities.SPHERICAL, "projection"),
        ("y4m", oddities.STEREO, "stereo layout"),
        ("ts", b"", "rotation"),
        ("avi", b"", "rotation"),
        ("y4m", b"", "rotation"),
    ],
)
def test_what_is_lost_is_named_once(tmp_path: Path, end: str, box: bytes, said: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 4, oddities.SIZE, rotation=None if box else 90)
    if box:
        oddities.with_box(source, box)
    options = None if end == "y4m" else {}
    report = run(source, tmp_path / f"out.{end}", 1, preset="fast", encoder_options=options)
    assert len([lost for lost in report.lost if said in lost]) == 1
    assert set(report.lost) <= set(report.warnings)
    assert report.as_dict()["lost"] == report.lost


def test_a_stereo_layout_stays_where_the_codec_holds_it(tmp_path: Path) -> None:
    source = oddities.with_box(write_clip(tmp_path / "in.mp4", 4, oddities.SIZE), oddities.STEREO)
    report = run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert Type.STEREO3D in decode(tmp_path / "out.mp4")[0].side_data
    assert not [lost for lost in report.lost if "stereo" in lost]


def test_dynamic_metadata_are_named(tmp_path: Path) -> None:
    """FFmpeg reads HDR10+ and has no encoder that writes it; the static metadata stay."""
    source = oddities.with_hdr10_plus(tmp_path / "in.hevc")
    assert Type.DYNAMIC_HDR_PLUS in decode(source)[0].side_data
    for end in ("mp4", "mkv"):
        report = run(source, tmp_path / f"out.{end}", 1, codec="libx265", preset="fast")
        lost = [one for one in report.lost if "the dynamic metadata of HDR10+" in one]
        kept = any(Type.DYNAMIC_HDR_PLUS in frame.side_data for frame in decode(tmp_path / f"out.{end}"))
        assert (len(lost), kept) == (1, False)


def test_captions_go_with_their_frame_and_come_once(tmp_path: Path) -> None:
    source = oddities.with_captions(tmp_path / "in.h264")
    report = run(source, tmp_path / "out.mp4", 2, preset="fast")
    shown = [frame.side_data.get(Type.A53_CC) for frame in decode(tmp_path / "out.mp4")]
    assert [bytes(data) for data in shown if data] == [oddities.CAPTION]
    assert shown[0]
    assert not [lost for lost in report.lost if "captions" in lost]
    report = run(source, tmp_path / "out.mkv", 2, codec="ffv1", preset="fast")
    assert [lost for lost in report.lost if "the closed captions" in lost]


def test_captions_that_begin_later_are_named(tmp_path: Path) -> None:
    """Only a frame that has some shows that there are some."""
    source = oddities.with_captions(tmp_path / "in.h264", frame=4)
    run(source, tmp_path / "out.mp4", 1, preset="fast")
    assert [n for n, frame in enumerate(decode(tmp_path / "out.mp4")) if Type.A53_CC in frame.side_data] == [4]
    for end, given in (("mkv", {"codec": "ffv1"}), ("y4m", {"encoder_options": None})):
        report = run(source, tmp_path / f"out.{end}", 1, preset="fast", **given)
        assert len([lost for lost in report.lost if "the closed captions" in lost]) == 1


@pytest.mark.parametrize(("profile", "compatibility"), [(8, 1), (5, 0)])
def test_dolby_vision_is_named(tmp_path: Path, profile: int, compatibility: int) -> None:
    options = {"preset": "ultrafast", "x265-params": "log-level=error"}
    source = write_clip(tmp_path / "in.mp4", 3, (64, 64), codec="libx265", name="yuv420p10le", options=options)
    oddities.with_box(source, oddities.dolby_vision(profile, compatibility), b"hev1")
    report = run(source, tmp_path / "out.mp4", 1, preset="fast", encoder_options=options)
    assert len([lost for lost in report.lost if "the configuration of Dolby Vision" in lost]) == 1
    said = [remark for remark in report.warnings if "profile 5 has colours of its own" in remark]
    assert len(said) == (profile == 5)
    found = inspected(source)
    assert found["streams"][0]["kind"] == "video"
    assert found["remarks"] == said  # before the work starts


def test_metadata_of_dolby_vision_in_frames_are_named(tmp_path: Path) -> None:
    source = oddities.with_dolby_vision(tmp_path / "in.hevc")
    assert Type.DOVI_METADATA in decode(source)[0].side_data
    report = run(source, tmp_path / "out.mp4", 1, codec="libx265", preset="fast", encoder_options={})
    kept = any(Type.DOVI_METADATA in frame.side_data for frame in decode(tmp_path / "out.mp4"))
    assert (len([lost for lost in report.lost if "the dynamic metadata of Dolby Vision" in lost]), kept) == (1, False)


def test_ambisonic_sound_keeps_its_layout_or_it_is_named(tmp_path: Path) -> None:
    source = oddities.with_ambisonics(tmp_path / "in.mkv")
    for end in ("mkv", "mp4", "mov"):
        report = run(source, tmp_path / f"out.{end}", 1, preset="fast")
        with av.open(str(tmp_path / f"out.{end}")) as out:
            layouts = [stream.codec_context.layout.name for stream in out.streams.audio]
        said = [lost for lost in report.lost if "ambisonic" in lost or "opus" in lost]
        assert (layouts == ["ambisonic 1"]) != (len(said) == 1), (end, layouts, report.lost)


def test_ambisonic_sound_and_covers_are_facts_of_streams() -> None:
    def stream(kind: str, layout: str = "", cover: bool = False) -> Any:
        context = SimpleNamespace(layout=SimpleNamespace(name=layout)) if layout else None
        disposition = Disposition.attached_pic if cover else Disposition(0)
        return SimpleNamespace(type=kind, codec_context=context, disposition=disposition)

    streams = [stream("video"), stream("audio", "stereo"), stream("audio", "ambisonic 1"), stream("video", cover=True)]
    found = stream_facts(streams)
    assert found == {"the layout ambisonic 1 of sound track 2", "the mark of picture 1 as a cover"}


def test_a_sound_track_without_decoder_is_listed(tmp_path: Path) -> None:
    source = oddities.with_unknown_sound(tmp_path / "in.mov")
    sound = [stream for stream in inspected(source)["streams"] if stream["kind"] == "audio"]
    assert [stream["detail"] for stream in sound] == ["of a codec that this FFmpeg does not know"]


@pytest.mark.parametrize(
    ("end", "factor", "kept"), [("mp4", 4, "01:00:00:80"), ("mov", 5, None), ("mkv", 5, "01:00:00:100")]
)
def test_timecodes(tmp_path: Path, end: str, factor: int, kept: str | None) -> None:
    source = write_clip(tmp_path / "in.mp4", 4, oddities.SIZE, rate=Fraction(60), timecode="01:00:00:20")
    report = run(source, tmp_path / f"out.{end}", factor, preset="fast")
    with av.open(str(tmp_path / f"out.{end}")) as out:
        tags = {name.lower(): value for name, value in out.streams.video[0].metadata.items()}
    found = tags.get("timecode")
    assert (found and [int(part) for part in found.split(":")]) == (kept and [int(part) for part in kept.split(":")])
    assert bool([lost for lost in report.lost if "cannot count 300 frames a second" in lost]) == (kept is None)


def test_timecodes_of_matroska_move_too(tmp_path: Path) -> None:
    """There the name of the tag is in capitals."""
    source = write_clip(tmp_path / "in.mkv", 4, oddities.SIZE, rate=Fraction(60), timecode="01:00:00:20")
    for end, given, kept in (("mp4", {}, "01:00:00:080"), ("mkv", {"start": "1/60"}, "01:00:00:84")):
        report = run(source, tmp_path / f"out.{end}", 4, preset="fast", **given)
        with av.open(str(tmp_path / f"out.{end}")) as out:
            tags = {name.lower(): value for name, value in out.streams.video[0].metadata.items()}
        assert (tags["timecode"], report.lost) == (kept, [])
    report = run(source, tmp_path / "out.mov", 5, preset="fast")
    assert [lost for lost in report.lost if "cannot count 300 frames a second" in lost]


def test_timecodes_of_slow_motion(tmp_path: Path) -> None:
    """It begins where it was filmed."""
    source = write_clip(tmp_path / "in.mp4", 6, oddities.SIZE, rate=Fraction(30), timecode="01:00:00;20")
    for start, kept in ((None, "01:00:00;20"), ("1/10", "01:00:00;23")):
        run(source, tmp_path / f"{kept[-2:]}.mp4", 1, slow=2, start=start, preset="fast")
        with av.open(str(tmp_path / f"{kept[-2:]}.mp4")) as out:
            assert out.streams.video[0].metadata["timecode"] == kept


def test_a_track_of_timecodes_is_made_again(tmp_path: Path) -> None:
    """mov has its start timecode in a track, which is not lost where the output has one as well."""
    source = write_clip(tmp_path / "in.mov", 4, oddities.SIZE, timecode="01:00:00:20")
    with av.open(str(source)) as opened:
        assert [stream.type for stream in opened.streams] == ["video", "data"]
    assert run(source, tmp_path / "out.mov", 2, preset="fast").lost == []
    assert len(run(source, tmp_path / "out.ts", 2, preset="fast").lost) == 1


def test_a_video_without_decoder_is_passed_over_or_named(tmp_path: Path) -> None:
    both = oddities.with_unknown_picture(tmp_path / "both.mp4", known=True)
    assert len(inspected(both)["streams"]) == 2
    assert run(both, tmp_path / "out.mp4", 1, preset="fast").frames_out == 4
    with pytest.raises(InputError, match="there is no decoder for its video: convert it"):
        run(oddities.with_unknown_picture(tmp_path / "one.mp4", known=False), tmp_path / "no.mp4", 1)


# Names


def test_names_are_those_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", 4, oddities.SIZE).rename("12:30.mp4")
    report = run("12:30.mp4", "pipe:1.mkv", 1, preset="fast")
    assert report.frames_out == 4
    assert (tmp_path / "pipe:1.mkv").is_file()
    assert for_ffmpeg("https://example.org/a.mp4") == "https://example.org/a.mp4"
    with pytest.raises(InputError, match="cannot open data:x: No such file"):
        run("data:x", "out.mkv", 1)


# Smaller pictures


def test_larger_pictures_are_scaled_down_first(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, (96, 48), rotation=90, tags=(9, 16, 9, 1))
    with Source(str(source), ReadOptions(max_side=48)) as part:
        frames = list(part.frames())
    tags = {(f.width, f.height, f.format.name, f.color_trc, f.colorspace, f.rotation) for f in frames}
    assert tags == {(48, 24, "yuv420p", 16, 9, 90)}
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 30) for n in range(6)]
    large = [frame.to_ndarray(format="gray").astype(float) for frame in decode(source)]
    for small, whole in zip(frames, large, strict=True):
        means = whole.reshape(24, 2, 48, 2).mean((1, 3))
        assert abs(small.to_ndarray(format="gray").astype(float) - means).mean() < 2
    report = run(source, tmp_path / "out.mp4", 1, max_side="48", preset="fast")
    assert (report.width, report.height) == (48, 24)
    assert run(source, tmp_path / "same.mp4", 1, max_side=1000, preset="fast").width == 96
    assert inspected(source, "--max-side", "48")["picture"]["width"] == 48
    with pytest.raises(ArgumentError, match="max_side must be a number of pixels from 16 on, not 15"):
        run(source, tmp_path / "none.mp4", 1, max_side=15)
