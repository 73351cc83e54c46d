"""``transcode --adapt``: what it learns with, what it takes, what it finds again, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vsdeblur.cli import main
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.settings import parse
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.training.adapt import parts, run
from vsdeblur.training.adapt.networks import ADAPTABLE
from vsdeblur.training.adapt.report import CLIPS, REPORT, claim


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("first") / "clip.mp4"
    write_mp4(path, film(Scene(96, 128), 10, 4, 1.0, lambda light: light)[1], 30)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts of four frames, one step of one sample."""
    monkeypatch.setattr(parts, "LENGTH", 4)
    monkeypatch.setattr(parts, "MOST", 2)
    monkeypatch.setattr(run, "_FIRST", 1)
    monkeypatch.setattr(ADAPTABLE["key-frames"], "batch", 1)


def transcode(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["transcode", *map(str, arguments)])


SHORT = ("--duration", "0.1", "--max-side", "64", "--shutter", "0.5", "--quiet", "--json")


@pytest.mark.parametrize("wins", [True, False])
def test_it_takes_what_wins_and_finds_it_again(
    clip: Path, tmp_path: Path, quick: None, wins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "gain", lambda *_: 0.2 if wins else -0.2)  # judging takes as long as all else
    out = tmp_path / "out.mp4"
    done = transcode(clip, out, *SHORT, "--adapt", "0.5s")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["adapted"].startswith("new weights kept" if wins else "the bundled weights stay")
    assert out.stat().st_size > 0
    learned = json.loads((tmp_path / "out.mp4.adapted" / REPORT).read_text())
    assert [one["kept"] for one in learned["networks"]] == [wins]
    assert learned["shutter"] == 0.5

    asked: list[Any] = []
    monkeypatch.setattr("vsdeblur.filters.pyav.transcode", lambda *a, **more: asked.append(more) or _report())
    monkeypatch.setattr(run, "train", None)  # nothing is learned again
    for preset, file in (("balanced", "/unrolled.safetensors"), ("best", "")):
        again = transcode(clip, out, *SHORT, "--adapt", "0.5s", "--preset", preset, "--overwrite")
        assert again.exit_code == 0, again.output
        assert asked[-1].get("solver") == (f"unrolled:{out}.adapted{file}" if wins else None)
    other = transcode(clip, out, *SHORT, "--adapt", "0.5s", "--shutter", "0.8", "--overwrite")
    assert other.exit_code == 1
    assert "its run has shutter 0.5, not 0.8" in other.stderr


def _report() -> Any:
    from vsdeblur.filters.pyav.report import Report

    return Report("in", "out")


def test_a_run_goes_on_with_its_own_shutter_and_curve(clip: Path, tmp_path: Path) -> None:
    size = clip.stat().st_size
    (tmp_path / CLIPS).write_text(json.dumps({"clips": [["clip.mp4", size]], "shutter": 0.4, "transfer": "srgb"}))
    assert claim(tmp_path, [clip], None, "srgb", True) == 0.4
    for shutter, transfer, said in ((0.5, "srgb", "shutter 0.4, not 0.5"), (0.4, "bt709", "transfer srgb, not bt709")):
        with pytest.raises(Exception, match=f"its run has {said}"):
            claim(tmp_path, [clip], shutter, transfer, True)
    assert json.loads((tmp_path / CLIPS).read_text())["shutter"] == 0.4
    (tmp_path / CLIPS).write_text("[]")
    with pytest.raises(Exception, match="a run of other clips"):
        claim(tmp_path, [clip], 0.4, "srgb", True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--adapt", "soon"), "--adapt must be a duration such as 5min or 90s, not"),
        (("--adapt", "0min"), "--adapt must be a duration"),
        (("--adapt", "5min", "--preset", "fast"), "--preset must be balanced or best with --adapt"),
        (("--adapt", "5min", "--solver", "keyframes"), "--solver must be left out with --adapt"),
        (("--adapt", "5min", "--segment", "1/2"), "--segment must be left out with --adapt"),
        (("--adapt", "5min", "--cluster", "local:1"), "--cluster must be left out with --adapt"),
    ],
)
def test_what_cannot_be_is_one_line(clip: Path, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    done = transcode(clip, tmp_path / "out.mp4", *more)
    assert done.exit_code != 0
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.mp4.adapted").exists()


def test_durations() -> None:
    assert [parse.minutes(value) for value in ("5min", "90s", "2.5", 3)] == [5, 1.5, 2.5, 3]
    for wrong in ("", "0s", "-1min", "5h", "1e9", "nan", None):
        with pytest.raises(ValueError, match=r"^$"):
            parse.minutes(wrong)
