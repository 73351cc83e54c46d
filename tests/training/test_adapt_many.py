"""Self-supervised training over many blurry clips: which are used, how they were filmed, and the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from vsdeblur.cli import _training, main
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.training.adapt import many, parts
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.many import Filmed, ReblurredClips, find_filmed
from vsdeblur.training.adapt.parts import Part
from vsdeblur.training.recipes.unrolled import UnrolledRecipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blurry clips, and one each that is too small, too short, and none at all."""
    folder = tmp_path_factory.mktemp("blurry")
    for seed, name in enumerate(("one.mp4", "two.mp4")):
        frames = film(Scene(168, 192, seed), 20, 4, 1.0, lambda light: light)[1]
        write_mp4(folder / name, frames, 30)
    write_mp4(folder / "small.mp4", frames[:, :128], 30)
    write_mp4(folder / "short.mp4", frames[:5], 30)
    (folder / "notes.txt").write_text("no clip")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LENGTH", 4)


def test_usable_clips_have_parts_to_learn_from_and_to_judge(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = find_filmed(folder, tmp_path, 0.5, "srgb")
    assert [one.part.held_out for one in found] == [False, True, False] * 2
    assert {(one.camera.shutter, one.camera.linear) for one in found} == {(0.5, True)}
    assert not any(one.part.ready for one in found)  # until they are needed
    skipped = [re.sub(r".*/", "", record.getMessage()) for record in caplog.records]
    assert [line.split(":")[0] for line in skipped] == ["notes.txt", "short.mp4", "small.mp4"]
    assert "its shorter side has 128 pixels, at least 168 are needed" in skipped[2]
    with pytest.raises(InputError, match="there is no such folder of clips"):
        find_filmed(tmp_path / "none", tmp_path, 0.5, "srgb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="none of its clips can be used"):
        find_filmed(tmp_path / "empty", tmp_path, 0.5, "srgb")


def test_parts_without_motion_are_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Scenes:
        def scenes(self, chosen: list[Part], camera: Camera, key_frames: Path | None) -> Any:
            def make(rng: np.random.Generator) -> dict[str, str]:
                if chosen[0].name == "still":
                    raise InputError("no stretch moves")
                return {"from": chosen[0].name}

            return make

    monkeypatch.setattr(many, "ADAPTABLE", {"key-frames": Scenes()})
    restored: list[str] = []
    monkeypatch.setattr(Part, "restore", lambda part, *_: restored.append(part.name))
    still, moving = (Filmed(Part(tmp_path, name, False), Camera(1.0, False)) for name in ("still", "moving"))
    make = ReblurredClips([still, moving], "key-frames", "linear")
    assert {make(np.random.default_rng(k))["from"] for k in range(6)} == {"moving"}
    assert set(restored) == {"still", "moving"}
    with pytest.raises(InputError, match="in none of 1 parts of clips there is enough motion"):
        ReblurredClips([still], "key-frames", "linear")(np.random.default_rng(0))


def test_the_command_learns_from_blurry_clips_and_says_how_well_they_agree(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_training, "HELD_SCENES", 1)
    monkeypatch.setattr(UnrolledRecipe, "batch", 1)
    monkeypatch.setattr(many, "JUDGED", 1)
    monkeypatch.setattr("vsdeblur.training.source.FIRST", 1)
    out = tmp_path / "run"
    given = ["--clips", str(folder), "--shutter", "0.9", "--transfer", "linear", "--start-from", "project"]
    command = ["train", "unrolled", "--self-supervised", *given, "--steps", "2", "--workers", "0", "--out", str(out)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "4 parts of clips, 2 held out" in done.output
    assert "step 2 after" in done.output
    assert re.search(r"agreement of held-out parts, over project: [+-]\d\.\d{3} dB", done.output)
    assert (out / "unrolled.safetensors").exists()
    assert any((out / "parts" / name).glob("*.speeds.npy") for name in ("one.mp4", "two.mp4"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--self-supervised",), "--clips must be a folder of blurry clips with --self-supervised"),
        (("--self-supervised", "--photos", "p", "--clips", "c"), "--photos must be left out with --self-supervised"),
        (("--self-supervised", "--clips", "c", "--clips-share", "1"), "--clips-share must be left out with"),
        (("--photos", "p", "--shutter", "0.5"), "--shutter must be left out without --self-supervised"),
    ],
)
@pytest.mark.parametrize("network", ["unrolled", "instants"])
def test_what_cannot_be_is_one_line(network: str, given: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["train", network, *given, "--out", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert said in done.output
