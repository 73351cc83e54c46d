"""transcode: the tags of a file and its streams in other containers, and the names of those that are dropped."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.support.pyav import picture, run_fast
from vsdeblur.filters.pyav.file.tags import FILE, lost_tags, placed, tags_of

FILM = {
    "title": "A film",
    "comment": "of words",
    "camera": "X100",
    "location": "+48.1000+011.5000/",
    "creation_time": "2020-05-04T03:02:01.000000Z",
}
VIDEO = {"title": "main", "language": "eng", "angle": "left"}
SOUND = {"title": "voices", "language": "ger"}
CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
}
FAST = {"libx264": {"preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}


def tagged(path: Path) -> Path:
    """Three frames and some silence with ``FILM``, ``VIDEO`` and ``SOUND``."""
    codec, sound = CODECS[path.suffix[1:]]
    with av.open(
        str(path), "w", container_options={"movflags": "use_metadata_tags"} if sound == "aac" else {}
    ) as output:
        output.metadata.update(FILM)
        video: Any = output.add_stream(codec, rate=30, options=FAST[codec])
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.metadata.update(VIDEO)
        audio: Any = output.add_stream(sound, rate=48_000)
        audio.codec_context.layout = "mono"
        audio.metadata.update(SOUND)
        for n in range(3):
            frame = picture(n, 48, 32)
            frame.pts, frame.time_base = n, Fraction(1, 30)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        silence = av.AudioFrame(format=audio.format.name, layout="mono", samples=1024 if sound == "aac" else 960)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts, silence.time_base = 48_000, 0, Fraction(1, 48_000)
        output.mux(audio.encode(silence))
        output.mux(audio.encode())
    return path


@pytest.mark.parametrize("before", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("after", ["mp4", "mov", "mkv", "webm"])
def test_every_tag_is_there_or_named(tmp_path: Path, before: str, after: str) -> None:
    """What a file has and the next has not is in the report, and nothing else is."""
    source, target = tagged(tmp_path / f"in.{before}"), tmp_path / f"out.{after}"
    options = {"deadline": "realtime", "cpu-used": 8} if after == "webm" else FAST["libx264"]
    report = run_fast(source, target, 1, encoder_options=options)
    said = [lost for lost in report.lost if "tags of" in lost]
    with av.open(str(source)) as was, av.open(str(target)) as out:
        had, has = tags_of(was), tags_of(out)
    known = {name.lower() for name in (*FILM, *VIDEO, "name")}
    for place, tags in had.items():
        there = has.get(place)  # a stream that does not fit is named as such
        for name in [name for name in tags if there is not None and name.lower() in known]:
            if place != FILE and tags[name] in had[FILE].get(name, ""):  # mp4 says of each stream when it was made
                continue
            assert there is not None
            kept = tags[name] in there.values() or name.lower() in map(str.lower, there)
            named = any(f"tags of {place} " in lost and name in lost for lost in said)
            assert kept != named, f"{name} of {place}"
    if after == "mkv":
        assert not said


def test_titles_of_streams_go_through_mp4_and_back(tmp_path: Path) -> None:
    """mp4 reads them as names."""
    first = tagged(tmp_path / "in.mkv")
    for end in ("mp4", "mov", "mkv"):
        run_fast(first, tmp_path / f"{end}.{end}", 1)
        first = tmp_path / f"{end}.{end}"
    with av.open(str(first)) as out:
        assert out.streams.video[0].metadata["title"] == VIDEO["title"]
        assert out.streams.audio[0].metadata["title"] == SOUND["title"]


def test_containers_with_few_tags_name_the_others(tmp_path: Path) -> None:
    report = run_fast(tagged(tmp_path / "in.mkv"), tmp_path / "out.ts", 1)
    (file,) = [lost for lost in report.lost if "tags of the file" in lost]
    for name in FILM:
        assert name in file.lower()
    (video,) = [lost for lost in report.lost if "tags of video stream 1" in lost]
    assert "ANGLE" in video
    report = run_fast(tmp_path / "in.mkv", tmp_path / "out.y4m", 1, encoder_options=None)
    (said,) = [lost for lost in report.lost if lost.startswith("y4m has no place for")]
    assert "tags of the file (CAMERA, COMMENT, creation_time, LOCATION, title)" in said


def test_a_tag_is_looked_for_by_name_and_value() -> None:
    wanted = placed({"title": "A", "comment": "B", "comment-eng": "B"}, [("audio", {"language": "und", "x": "1"})])
    assert lost_tags(wanted, placed({"TITLE": "other", "description": "B"}, [("audio", {"x": "1"})])) == []
    found = lost_tags(wanted, placed({}, [("audio", {})]))
    assert found == [f"tags of {FILE} (comment, title)", "tags of audio stream 1 (x)"]
    assert lost_tags(wanted, placed({"title": "", "comment": ""}, [])) == []
