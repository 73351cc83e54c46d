"""Sources and targets in stores: the results are those of local files, and what a store refuses is one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner

from tests.support.pyav import decode, write_clip
from vsdeblur.batch import batch
from vsdeblur.cli import main
from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav import join, transcode
from vsdeblur.stores.local import LocalFiles, work_folder
from vsdeblur.stores.stored import Stored

SETTINGS = {"factor": 2, "preset": "fast", "shutter": 0.5, "crf": 0, "encoder_options": {"preset": "ultrafast"}}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSDEBLUR_WORK", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty folder."""
    if request.param == "file":
        yield (tmp_path / "store").as_uri()
        return
    fsspec.filesystem("memory").store.clear()
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def _put(source: Path, url: str) -> str:
    Stored.at(url).put(source)
    return url


def _same(one: Path, two: Path) -> None:
    frames = zip(decode(one), decode(two), strict=True)
    assert all((a.to_ndarray() == b.to_ndarray()).all() and a.pts == b.pts for a, b in frames)


def _got(url: str, path: Path) -> Path:
    Stored.at(url).fetch(path)
    return path


def test_both_ends_in_a_store(store: str, work: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 20, audio="aac")
    transcode(clip, tmp_path / "alone.mkv", **SETTINGS)
    source, target = _put(clip, f"{store}/day 1/in.mkv"), f"{store}/new/out.mkv"
    report = transcode(source, target, **SETTINGS)
    assert (report.source, report.output, report.frames_out) == (source, target, 40)
    _same(_got(target, tmp_path / "out.mkv"), tmp_path / "alone.mkv")
    assert Stored.at(store).files() == ["day 1/in.mkv", "new/out.mkv"]
    assert list(work.iterdir()) == [], "nothing is left here"
    with pytest.raises(DeblurError, match=r"out\.mkv exists: choose another name or pass overwrite"):
        transcode(source, target, **SETTINGS)
    assert transcode(source, target, **SETTINGS, overwrite=True).frames_out == 40


def test_one_end_in_a_store(store: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 8)
    assert transcode(_put(clip, f"{store}/in.mkv"), tmp_path / "out.mkv", **SETTINGS).frames_out == 16
    assert len(decode(tmp_path / "out.mkv")) == 16
    transcode(clip, f"{store}/out.mkv", **SETTINGS)
    _same(_got(f"{store}/out.mkv", tmp_path / "got.mkv"), tmp_path / "out.mkv")


def test_segments_and_their_join(store: str, tmp_path: Path, work: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 40)
    transcode(clip, tmp_path / "alone.mkv", **SETTINGS)
    source, target = _put(clip, f"{store}/in.mkv"), f"{store}/out.mkv"
    for n in (2, 1):
        transcode(source, target, **SETTINGS, segment=f"{n}/2")
    parts = [f"out.mkv.vsdeblur-parts/{n}-of-2.{end}" for n in (1, 2) for end in ("json", "packets")]
    assert Stored.at(store).files() == ["in.mkv", *parts]
    assert not [path for path in work.rglob("*") if path.suffix in (".packets", ".json")]
    again = transcode(source, target, **SETTINGS, segment="2/2")
    assert again.resumed == again.frames_out > 0
    for end in ("json", "packets"):
        Stored.at(f"{target}.vsdeblur-parts/mine.{end}").put(_text(tmp_path / "mine"))
    report = join(target, src=source)
    assert (report.output, report.frames_out) == (target, 80)
    mine = [f"out.mkv.vsdeblur-parts/mine.{end}" for end in ("json", "packets")]
    assert Stored.at(store).files() == ["in.mkv", "out.mkv", *mine], "what is not vsdeblur's own stays"
    _same(_got(target, tmp_path / "out.mkv"), tmp_path / "alone.mkv")


def test_which_segments_are_copied(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    files = LocalFiles("in.mkv", str(folder / "out.mkv"), Stored.at(f"{store}/out.mkv"))
    for name in ("1-of-12.json", "1-of-12.packets", "1-of-1.json", "2-of-12.packets"):
        Stored.at(f"{store}/out.mkv.vsdeblur-parts/{name}").put(_text(tmp_path / "text"))
    files.pull("1-of-1")
    assert not list(folder.rglob("*-of-*")), "its packets are missing"
    files.pull()
    here = {path.name: path for path in folder.rglob("*-of-*")}
    assert sorted(here) == ["1-of-12.json", "1-of-12.packets"]
    here["1-of-12.packets"].write_text("damaged")
    files.pull()
    assert here["1-of-12.packets"].read_text() == "damaged"
    files.pull(anew={"1-of-12"})
    assert here["1-of-12.packets"].read_text() == "no video"


def test_an_interrupted_job_goes_on(store: str, tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdeblur.filters.pyav.segments.opened.SECONDS", 0.0)
    source, target = _put(write_clip(tmp_path / "in.mkv", 40), f"{store}/in.mkv"), f"{store}/out.mkv"

    def stop(done: int, *rest: Any) -> None:
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transcode(source, target, **SETTINGS, resume=True, progress=stop)
    assert Stored.at(store).files() == ["in.mkv"]
    report = transcode(source, target, **SETTINGS, resume=True)
    assert report.frames_out == 80
    assert 0 < report.resumed < 80
    assert list(work.iterdir()) == []


def test_a_changed_source_is_copied_anew(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _put(write_clip(tmp_path / "in.mkv", 8), f"{store}/in.mkv")
    with pytest.raises(DeblurError):
        transcode(source, tmp_path / "out.mkv", **SETTINGS, codec="nonesuch")
    assert len(list(work_folder().rglob("in.mkv"))) == 1, "it is kept for the next call"
    _put(write_clip(tmp_path / "longer.mkv", 12), f"{store}/in.mkv")
    assert transcode(source, tmp_path / "out.mkv", **SETTINGS).frames_out == 24


def test_what_is_refused_in_one_line(store: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 4)
    url = _put(clip, f"{store}/in.mkv")
    for source, target, said in (
        (f"{store}/none.mkv", tmp_path / "out.mkv", "none.mkv: no such file or folder"),
        (clip, f"{store}/out.xyz", "dst must be a name that ends in .mp4"),
        (clip, "nonesuch://bucket/out.mkv", "cannot reach nonesuch://bucket/out.mkv: Protocol not known"),
        (url, "gs3x://b/out.mkv", "Protocol not known"),
        (url, tmp_path / "none" / "out.mkv", "dst must be in a folder that exists"),
    ):
        with pytest.raises(DeblurError, match=said) as refused:
            transcode(source, target, **SETTINGS)
        assert "\n" not in str(refused.value)


def test_a_target_that_cannot_be_written_is_refused_before_the_source_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    fsspec.filesystem("memory").store.clear()
    source = _put(write_clip(tmp_path / "in.mkv", 4), "memory://bucket/in.mkv")

    def refuse(self: object, path: str, *rest: Any, mode: str = "rb", **more: Any) -> Any:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    monkeypatch.setattr(MemoryFileSystem, "get_file", lambda *a, **k: pytest.fail("it was copied"))
    result = CliRunner().invoke(main, ["transcode", source, "memory://bucket/out.mkv", "--quiet"])
    assert (result.exit_code, result.stderr) == (1, "vsdeblur: cannot write memory://bucket/out.mkv: Access Denied\n")


def test_a_result_that_the_store_refuses_at_the_end_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").store.clear()
    clip = write_clip(tmp_path / "in.mkv", 4)
    put = Stored.put

    def full(self: Stored, path: Path) -> None:
        raise DeblurError("the store is full")

    monkeypatch.setattr(Stored, "put", full)
    with pytest.raises(DeblurError, match="the store is full: the result lies in ") as refused:
        transcode(clip, "memory://bucket/out.mkv", **SETTINGS)
    assert len(decode(Path(str(refused.value).partition("the result lies in ")[2]))) == 8
    monkeypatch.setattr(Stored, "put", put)


def test_the_command_line(store: str, tmp_path: Path) -> None:
    source = _put(write_clip(tmp_path / "in.mkv", 8), f"{store}/in.mkv")
    words = ["--factor", "2", "--preset", "fast", "--shutter", "0.5"]
    result = CliRunner().invoke(main, ["transcode", source, f"{store}/out.mkv", *words])
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[0] == f"vsdeblur: reading {source}"
    assert "".join(result.stderr.split()).endswith(f"{store}/out.mkv")  # wherever the line is broken
    result = CliRunner().invoke(main, ["transcode", source, f"{store}/more.mkv", *words, "--adapt", "1min"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--adapt must be left out for files in a store" in result.stderr


def test_a_batch(store: str, tmp_path: Path) -> None:
    for name in ("a.mkv", "day 1/b.mp4"):
        _put(write_clip(tmp_path / "in.mkv", 8), f"{store}/in/{name}")
    Stored.at(f"{store}/in/c.mp4").put(_text(tmp_path / "no video"))
    Stored.at(f"{store}/in/notes.txt").put(_text(tmp_path / "notes"))
    with pytest.raises(DeblurError, match=r"dst must be a folder outside of"):
        batch(f"{store}/in", f"{store}/in/out", **SETTINGS)
    summary = batch(f"{store}/in", f"{store}/out", **SETTINGS)
    assert (summary.done, summary.failed, summary.skipped) == (2, 1, ["notes.txt"])
    names = ["a.mkv", "day 1/b.mp4", "vsdeblur-batch.html", "vsdeblur-batch.json"]
    assert Stored.at(f"{store}/out").files() == names
    assert json.loads(Stored.at(f"{store}/out/vsdeblur-batch.json").read()) == summary.as_dict()
    asked = []

    def restored(source: Any, target: Any, **given: Any) -> Any:
        asked.append(source)
        return transcode(source, target, **given)

    _put(write_clip(tmp_path / "longer.mkv", 12), f"{store}/in/a.mkv")
    again = batch(f"{store}/in", f"{store}/out", **SETTINGS, resume=True, overwrite=True, restore=restored)
    assert asked == [f"{store}/in/a.mkv", f"{store}/in/c.mp4"], "what has changed, and what failed"
    assert [one.report.get("frames_out") for one in again.files] == [24, None, 16]
    here = batch(f"{store}/in", tmp_path / "here", **SETTINGS)
    assert (here.done, len(decode(tmp_path / "here" / "day 1" / "b.mp4"))) == (2, 16)


def _text(path: Path) -> Path:
    path.write_text("no video")
    return path
