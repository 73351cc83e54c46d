"""Many files: what fails is noted with its reason, the rest goes on, and a second run makes only what is missing."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.pyav import decode, write_clip
from vsdeblur.batch import Summary, batch
from vsdeblur.batch.listing import output_name
from vsdeblur.batch.summary import NAME, PAGE
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav import Report


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["batch", *map(str, arguments)], prog_name="vsdeblur")


def made(path: Path, target: Path, **_: Any) -> Report:
    """In place of transcode."""
    if path.name.startswith("bad"):
        raise InputError(f"{path.name} <is> bad")
    target.write_bytes(path.read_bytes())
    return Report(str(path), str(target), frames_out=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / "day 1").mkdir(parents=True)
    for name in ("a.mp4", "bad.mkv", "day 1/b.mov", "notes.txt", ".hidden.mp4"):
        (source / name).write_text(name)
    return source


def test_some_files_fail(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    write_clip(source / "a.mp4", 3, (32, 32))
    write_clip(source / "sub" / "b.mkv", 3, (32, 32), codec="ffv1")
    write_clip(source / "c.avi", 3, (32, 32), codec="mpeg4")
    (source / "empty.mp4").touch()
    (source / "text.mov").write_text("not a video at all")
    (source / "notes.txt").write_text("notes")
    result = call(source, target, "--shutter", "0.5", "--preset", "fast", "--json", "--quiet")
    assert result.exit_code == 3, result.stderr
    found = json.loads(result.stdout)
    assert (found["done"], found["failed"], found["skipped"]) == (3, 2, ["notes.txt"])
    reasons = {one["source"]: one["reason"] for one in found["files"] if one["status"] == "failed"}
    assert sorted(reasons) == ["empty.mp4", "text.mov"]
    assert "the file is empty" in reasons["empty.mp4"]
    assert len(result.stderr.splitlines()) == 2
    assert all(len(decode(target / name)) == 3 for name in ("a.mp4", "sub/b.mkv", "c.avi"))
    assert json.loads((target / NAME).read_text()) == found
    assert not list(target.rglob("*part*"))


def test_the_page_stands_alone(folder: Path, tmp_path: Path) -> None:
    batch(folder, tmp_path / "out", restore=made)
    page = (tmp_path / "out" / PAGE).read_text()
    assert "3 files: 2 with a result, 1 failed" in page
    assert "bad.mkv &lt;is&gt; bad" in page
    assert 'href="day%201/b.mov"' in page
    assert not re.search(r"https?:|src=|<script|<link", page)


def test_resume_makes_what_is_missing(folder: Path, tmp_path: Path) -> None:
    target, seen = tmp_path / "out", []

    def interrupted(path: Path, *others: Any, **given: Any) -> Report:
        seen.append(path.name)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return made(path, *others, **given)

    with pytest.raises(KeyboardInterrupt):
        batch(folder, target, resume=True, restore=interrupted)
    (folder / "bad.mkv").rename(folder / "good.mkv")
    (folder / "a.mp4").write_text("changed")
    told = []
    again = batch(folder, target, resume=True, restore=interrupted, tell=lambda *one: told.append(one[:2]))
    assert seen == ["a.mp4", "bad.mkv", "b.mov", "a.mp4", "good.mkv", "b.mov"]
    assert again.whole
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert batch(folder, target, resume=True, restore=interrupted).done == 3
    assert len(seen) == 6


def test_an_interrupt_forgets_nothing(folder: Path, tmp_path: Path) -> None:
    def interrupted(*_: Any, **__: Any) -> Report:
        raise KeyboardInterrupt

    batch(folder, tmp_path / "out", restore=made)
    (folder / "0.mp4").write_text("first")
    with pytest.raises(KeyboardInterrupt):
        batch(folder, tmp_path / "out", resume=True, restore=interrupted)
    kept = Summary.load(tmp_path / "out")
    assert kept is not None
    assert [one.source for one in kept.files if one.status == "done"] == ["a.mp4", "day 1/b.mov"]


def test_what_is_unforeseen_ends_no_batch(folder: Path, tmp_path: Path) -> None:
    def broken(path: Path, target: Path, **_: Any) -> Report:
        raise ZeroDivisionError("oh")

    summary = batch(folder, tmp_path / "out", restore=broken)
    assert {one.reason for one in summary.files} == {"unforeseen: ZeroDivisionError: oh"}


def test_refusals(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(InputError, match="no such folder"):
        batch(tmp_path / "none", target)
    with pytest.raises(ArgumentError, match="dst must be a folder outside of"):
        batch(folder, folder / "out")
    with pytest.raises(ArgumentError, match="crf must be"):
        batch(folder, target, crf=99)
    batch(folder, target, restore=made)
    with pytest.raises(DeblurError, match="has the results of a batch: go on with resume, or pass overwrite"):
        batch(folder, target, restore=made)
    with pytest.raises(DeblurError, match="was made with factor=1, not 2"):
        batch(folder, target, 2, resume=True, restore=made)
    (target / NAME).write_text('{"vsdeblur_batch": 1, "settings": {}, "files": [{"source": 5, "status": "done"}]}')
    with pytest.raises(DeblurError, match=r"cannot read .* delete it to begin anew"):
        batch(folder, target, resume=True, restore=made)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no video in this folder"):
        batch(tmp_path / "empty", target)


@pytest.mark.parametrize(("name", "output"), [("a.mp4", "a.mp4"), ("a.y4m", "a.y4m.mkv"), ("b.rm", "b.rm.mkv")])
def test_names(name: str, output: str) -> None:
    assert str(output_name(PurePosixPath(name))) == output


def test_all_fail(folder: Path, tmp_path: Path) -> None:
    result = call(folder, tmp_path / "out", "--quiet")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 3


KINDS = (
    *(("mp4", "libx264"), ("mov", "libx265"), ("mkv", "ffv1"), ("avi", "mpeg4"), ("webm", "libvpx-vp9")),
    *(("nut", "mpeg2video"), ("m4v", "libx264"), ("mxf", "mpeg2video"), ("flv", "libx264"), ("wmv", "msmpeg4")),
)


def test_thirty_files_of_ten_kinds_of_which_four_are_broken(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for n, (end, codec) in enumerate(KINDS):
        for k in range(3):
            write_clip(source / f"{n}{k}.{end}", 3, (32, 32), rate=Fraction(25), codec=codec)
    (source / "00.mp4").write_bytes((source / "00.mp4").read_bytes()[:600])  # cut off before its index
    (source / "10.mov").write_text("not a video at all")
    (source / "20.mkv").write_bytes(b"")
    data = bytearray((source / "30.avi").read_bytes())
    data[data.index(b"movi") :] = b"\0" * (len(data) - data.index(b"movi"))
    (source / "30.avi").write_bytes(data)
    result = call(source, target, "--shutter", "0.5", "--preset", "fast", "--quiet", "--json")
    assert result.exit_code == 3, result.stderr
    found = json.loads(result.stdout)
    assert (found["done"], found["failed"]) == (26, 4)
    reasons = {one["source"]: one["reason"] for one in found["files"] if one["status"] == "failed"}
    assert sorted(reasons) == ["00.mp4", "10.mov", "20.mkv", "30.avi"]
    assert all(reasons.values())
    assert len(result.stderr.splitlines()) == 4
    results = [path for path in target.iterdir() if path.name not in (NAME, PAGE)]
    assert len(results) == 26
    assert {len(decode(path)) for path in results} == {3}
