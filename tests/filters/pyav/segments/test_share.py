"""Segments that are made by different calls, and joined: the frames, the sound and the words are those of one run."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.pyav import decode, packets, run_fast, times, write_clip
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav import join
from vsdeblur.filters.pyav.segments.parts import folder_of

COUNT = 3
LOSSLESS = {"codec": "libx264", "crf": 0, "encoder_options": {"preset": "ultrafast"}}


def hashes(path: Path) -> list[str]:
    return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in decode(path)]


def made(source: Path, target: Path, numbers: tuple[int, ...] = (2, 3, 1), **given: Any) -> None:
    for n in numbers:
        run_fast(source, target, given.pop("factor", 2), segment=f"{n}/{COUNT}", **{**LOSSLESS, **given})


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with in.mkv, one.mkv of a single run, and the segments of out.mkv."""
    folder = tmp_path_factory.mktemp("segments")
    source = write_clip(folder / "in.mkv", 20, (32, 32), audio="aac", subtitles="srt", chapters=True)
    run_fast(source, folder / "one.mkv", 2, **LOSSLESS)
    made(source, folder / "out.mkv")
    return folder


@pytest.fixture
def copy(segments: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(segments, tmp_path / "copy", copy_function=shutil.copy2))


def test_joined_segments_are_those_of_one_run(copy: Path) -> None:
    one, target = copy / "one.mkv", copy / "out.mkv"
    assert sorted(path.name for path in folder_of(target).glob("*.json")) == [f"{n}-of-3.json" for n in (1, 2, 3)]
    (folder_of(target) / "notes.txt").write_text("foreign")
    report = join(target, src=copy / "in.mkv")
    assert report.frames_out == report.resumed == 40
    assert report.frames_in == 20
    assert hashes(target) == hashes(one)
    assert times(target) == times(one)
    assert packets(target, "audio") == packets(one, "audio")
    assert packets(target, "subtitle") == packets(one, "subtitle")
    assert [path.name for path in folder_of(target).iterdir()] == ["notes.txt"]


def test_a_segment_that_is_there_is_not_made_again(copy: Path) -> None:
    shown = []
    again = run_fast(
        copy / "in.mkv", copy / "out.mkv", 2, segment="2/3", **LOSSLESS, progress=lambda *a: shown.append(a)
    )
    assert again.resumed == again.frames_out > 0
    assert shown == []


def test_resume_makes_what_is_missing(copy: Path) -> None:
    folder = folder_of(copy / "out.mkv")
    (folder / "2-of-3.json").unlink()
    (folder / "1-of-3.packets").write_bytes(b"")
    report = run_fast(copy / "in.mkv", copy / "out.mkv", 2, resume=True, **LOSSLESS)
    assert 0 < report.resumed < report.frames_out == 40
    assert hashes(copy / "out.mkv") == hashes(copy / "one.mkv")


def test_what_is_missing_is_named(copy: Path) -> None:
    folder, target = folder_of(copy / "out.mkv"), copy / "out.mkv"
    (folder / "2-of-3.json").unlink()
    with pytest.raises(DeblurError, match=r"missing segments: 2/3: make what is missing with segment"):
        join(target)
    data = (folder / "3-of-3.packets").read_bytes()
    (folder / "3-of-3.packets").write_bytes(data[:-1])
    with pytest.raises(DeblurError, match=r"missing segments: 2/3; 3/3 \(do not check: 3-of-3: its packets are not"):
        join(target)
    assert not target.exists()
    with pytest.raises(InputError, match="no such folder: there are no segments of"):
        join(copy / "another.mkv")


def test_segments_that_do_not_fit_are_refused(copy: Path) -> None:
    target = copy / "out.mkv"
    (folder_of(target) / "2-of-3.json").unlink()
    made(copy / "in.mkv", target, (2,), factor=3)
    with pytest.raises(DeblurError, match=r"was made with factor=2, not 3|was made with factor=3, not 2"):
        join(target)


def test_another_source_is_refused(copy: Path) -> None:
    os.utime(copy / "in.mkv", (1, 1))
    with pytest.raises(DeblurError, match=r"was made with source_mtime=\d+, not 1: repeat"):
        join(copy / "out.mkv", src=copy / "in.mkv")


def test_more_segments_than_chunks(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, (32, 32))
    for n in (1, 2):
        run_fast(source, tmp_path / "out.mkv", 1, segment=f"{n}/2", **LOSSLESS)
    assert join(tmp_path / "out.mkv").frames_out == len(decode(tmp_path / "out.mkv")) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"segment": "4/3"}, 'segment must be a segment and their number, such as "3/8"'),
        ({"segment": "0/3"}, "segment must be"),
        ({"segment": 1}, "segment must be"),
        ({"segment": "1/2", "resume": True}, "resume must be left out with segment"),
        ({"segment": "1/2", "prior": lambda frames, sigma: frames}, "prior must be a name or a number with segment"),
    ],
)
def test_wrong_arguments(segments: Path, tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        run_fast(segments / "in.mkv", tmp_path / "o.mkv", 2, **given)
    assert list(tmp_path.iterdir()) == []


def test_only_files_have_segments(segments: Path, tmp_path: Path) -> None:
    for source, target in (("-", "o.mkv"), (segments / "in.mkv", "o.y4m")):
        with pytest.raises(ArgumentError, match="segment must be left out for y4m and standard input"):
            run_fast(source, tmp_path / target, 2, segment="1/2")
