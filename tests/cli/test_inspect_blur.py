"""``vsdeblur inspect`` of the blur in one picture, with a stand-in for what finds it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from vsdeblur.blind import frame as frames
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.cli import main
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.stills.about import About
from vsdeblur.stills.still import Still, encode_still

TURNED = About(exif=b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every picture is found blurred by 9 pixels along its columns; nothing is restored."""
    seen: list[dict[str, Any]] = []

    def found(picture: Tensor, **given: Any) -> tuple[Tensor, Any]:
        seen.append({"picture": picture, **given})
        kernel = torch.zeros(1, 1, 13, 13)
        kernel[..., 2:11, 6] = 1 / 9
        blur = PixelwiseBlur(kernel, torch.ones(1, 1, *picture.shape[-2:]))
        assert given["deconvolver"](picture[None], blur, 0.0).equal(picture[None])
        return picture, blur

    monkeypatch.setattr(frames, "restore_frame", found)
    return seen


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *(str(argument) for argument in arguments)], prog_name="vsdeblur")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_mp4(path, [np.full((48, 64, 3), 40 * n, np.uint8) for n in range(5)], Fraction(25))
    return path


def test_a_still_picture(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    path = tmp_path / "in.tif"
    path.write_bytes(encode_still(Still(torch.rand(4, 40, 60), 16, TURNED), "tiff"))
    drawing = tmp_path / "blur.png"
    result = call(path, "--blur", drawing)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"      file  {path} (TIFF)",
        "   picture  60x40, RGB with alpha, 16 bits, to be turned (orientation 6)",
        "   carries  exif",
        "      blur  strokes of 9.0 px, up to 9.0, at 90 degrees",
    ]
    assert calls[0]["picture"].shape == (3, 60, 40)  # upright
    assert calls[0]["transfer"] == "srgb"
    drawn = cv2.imread(str(drawing))
    assert drawn is not None
    assert drawn.shape[0] > drawn.shape[1] > 300


def test_a_still_picture_for_machines(tmp_path: Path) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(encode_still(Still(torch.rand(1, 40, 60), 8), "jpeg"))
    seen = json.loads(call(path, "--json").stdout)
    assert (seen["format"], seen["width"], seen["height"], seen["channels"]) == ("jpeg", 60, 40, "grey")
    assert seen["blur"]["length_median"] == pytest.approx(9, abs=0.1)
    assert seen["blur"]["angle"] == pytest.approx(90, abs=0.1)


def test_a_frame_of_a_video(tmp_path: Path, clip: Path, calls: list[dict[str, Any]]) -> None:
    drawing = tmp_path / "blur.png"
    result = call(clip, "--no-time", "--blur", drawing, "--blur-frame", 3, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "      blur  frame 3: strokes of 9.0 px, up to 9.0, at 90 degrees"
    assert calls[0]["picture"].mean() == pytest.approx(120 / 255, abs=0.02)
    assert (calls[0]["transfer"], calls[0]["device"]) == ("bt709", "cpu")
    assert drawing.is_file()


def test_without_the_option_no_blur_is_looked_for(clip: Path, calls: list[dict[str, Any]]) -> None:
    assert "blur" not in json.loads(call(clip, "--no-time", "--json").stdout)
    assert not calls


def test_wrong_arguments_are_one_line(tmp_path: Path, clip: Path) -> None:
    for arguments, wanted in (
        (("--blur", tmp_path / "blur.gif"), "--blur must be a name that ends in .png"),
        (("--blur", tmp_path / "none" / "blur.png"), "no such folder"),
        (("--no-time", "--blur", tmp_path / "blur.png", "--blur-frame", 99), "--blur-frame must be"),
    ):
        result = call(clip, *arguments)
        assert result.exit_code in (1, 2)
        assert wanted in result.stderr
        assert len(result.stderr.replace(f"vsdeblur: reading {clip}\n", "").splitlines()) == 1
        assert not (tmp_path / "blur.png").exists()
