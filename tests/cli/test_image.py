"""``vsdeblur image``: what is written where, what is refused, and that everything but the blur stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from tests.support.pictures import blocks
from vsdeblur.blind import frame as frames
from vsdeblur.blind.local.parts import MovingPart
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.stills.about import About
from vsdeblur.stills.deblur import deblur_still, deblurred, side_by_side
from vsdeblur.stills.still import Still, encode_still, read_still

pytestmark = pytest.mark.quick

H, W = 24, 40


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A restoration that brightens, in place of the real one; what it was called with."""
    seen: list[dict[str, Any]] = []

    def brighten(picture: Tensor, *, estimator: Callable[..., Any] | None = None, **given: Any) -> tuple[Tensor, Any]:
        seen.append({"picture": picture.clone(), "estimator": estimator, **given})
        if float(picture.mean()) > 0.99:
            raise InputError("too bright")
        kernel = torch.zeros(1, 1, 9, 9)
        kernel[..., 4, 2:7] = 0.2
        return picture + 0.1, PixelwiseBlur(kernel, torch.ones(1, 1, *picture.shape[-2:]))

    monkeypatch.setattr(frames, "restore_frame", brighten)
    return seen


def picture(channels: int = 3, bits: int = 8, level: float = 0.5) -> Still:
    values = torch.linspace(0.1, level, H * W * channels).view(channels, H, W)
    top = 2**bits - 1
    return Still(
        (values * top).round() / top, bits, About(exif=b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    )


def put(path: Path, still: Still | None = None) -> Path:
    family = {".png": "png", ".jpg": "jpeg", ".tif": "tiff", ".webp": "webp"}[path.suffix]
    path.write_bytes(encode_still(still or picture(), family))
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["image", *(str(argument) for argument in arguments)], prog_name="vsdeblur")


def one_line(result: Result, code: int) -> str:
    assert result.exit_code == code
    assert result.stderr.startswith("vsdeblur: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_goes_through(
    tmp_path: Path, calls: list[dict[str, Any]], suffix: str, bits: int, channels: int
) -> None:
    before = picture(channels, bits)
    result = call(put(tmp_path / f"in{suffix}", before), tmp_path / f"out{suffix}")
    assert result.exit_code == 0, result.stderr
    after = read_still(tmp_path / f"out{suffix}")
    assert (after.bits, after.orientation) == (bits, 6)
    assert (after.values - before.values - 0.1).abs().max() < 1 / 2**bits
    assert torch.equal(calls[0]["picture"], before.values)
    assert calls[0]["transfer"] == "srgb"
    assert "40x24, blur of 5.0 px" in result.stderr
    assert result.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {f"in{suffix}", f"out{suffix}"}


def test_it_says_what_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = MovingPart(torch.ones(H, W), 0.0, 9.0, 1.0).path(9)
    blur = PiecewiseBlur.along([torch.eye(3).repeat(9, 1, 1), path], torch.ones(1, H, W), (H, W))
    monkeypatch.setattr(frames, "restore_frame", lambda picture, **given: (picture + 0.1, blur))
    result = call(put(tmp_path / "in.png"), tmp_path / "out.png")
    assert result.exit_code == 0, result.stderr
    assert "1 part moved by up to 9 px, local, split-gibbs" in result.stderr


def test_a_shaken_picture_becomes_sharper(tmp_path: Path) -> None:
    """Nothing in place of the real restoration: its estimate, its confidence and its deconvolution, file to file."""
    sharp = blocks(144, 208, seed=3)[0]
    blurry = torch.stack([sharp[..., k : k + 200] for k in range(9)]).mean(0)
    stored = put(tmp_path / "in.png", Still(blurry, 8, About()))
    result = call(stored, tmp_path / "out.png", "--transfer", "linear")
    assert result.exit_code == 0, result.stderr
    found = read_still(tmp_path / "out.png").values
    errors = [float((x - sharp[..., 4:204])[..., 12:-12, 12:-12].square().mean()) for x in (blurry, found)]
    assert errors[1] < 0.6 * errors[0]


def test_options_are_handed_on(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    given = ["--transfer", "linear", "--prior", "tv", "--noise", "0.02", "--device", "cpu", "--max-memory", "1GiB"]
    given += ["--deconvolver", "plug-and-play"]
    assert call(put(tmp_path / "in.png"), tmp_path / "out.png", *given).exit_code == 0
    wanted = {"transfer": "linear", "prior": "tv", "noise": 0.02, "device": "cpu", "max_memory": "1GiB"}
    wanted["deconvolver"] = "plug-and-play"
    assert wanted.items() <= calls[0].items()


@pytest.mark.parametrize(("change", "words"), [(0.0, "left as it is: no blur"), (0.1, "blur of 5.0 px, path, split")])
def test_what_was_left_as_it_is_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: float, words: str
) -> None:
    kernel = torch.zeros(1, 1, 9, 9)
    kernel[..., 4, 2:7] = 0.2

    def restore(picture: Tensor, **_: Any) -> tuple[Tensor, Any]:
        return picture + change + 1e-6, PixelwiseBlur(kernel, torch.ones(1, 1, *picture.shape[-2:]))

    monkeypatch.setattr(frames, "restore_frame", restore)
    result = call(put(tmp_path / "in.png"), tmp_path / "out.png")
    assert words in result.stderr, result.stderr


def test_floating_point_is_light(calls: list[dict[str, Any]]) -> None:
    deblurred(Still(picture().values, 32))
    assert calls[0]["transfer"] == "linear"


def test_alpha_follows_the_same_blur(calls: list[dict[str, Any]]) -> None:
    done = deblurred(picture(4))
    assert [tuple(one["picture"].shape) for one in calls] == [(3, H, W), (1, H, W)]
    assert calls[0]["estimator"] is None
    assert calls[1]["estimator"](calls[1]["picture"]) is done.blur
    assert calls[1]["transfer"] == "linear"
    assert done.after.values.shape == (4, H, W)
    assert done.after.values[3].max() <= 1


def test_even_alpha_stays(calls: list[dict[str, Any]]) -> None:
    still = picture(4)
    still.values[3] = 1
    assert bool((deblurred(still).after.values[3] == 1).all())
    assert len(calls) == 1


def test_several_pictures_go_into_a_folder(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    sources = [put(tmp_path / name) for name in ("a.png", "b.jpg", "c.webp")]
    assert call(*sources, tmp_path / "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg", "c.webp"]
    assert call(sources[0], f"{tmp_path}/one/").exit_code == 0
    assert (tmp_path / "one" / "a.png").is_file()


def test_one_of_several_that_fails_does_not_stop_the_others(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    bright = Still(torch.ones(3, H, W), 8)
    (tmp_path / "text.png").write_text("no picture")
    sources = [put(tmp_path / "a.png", bright), tmp_path / "text.png", put(tmp_path / "b.png")]
    result = call(*sources, tmp_path / "out", "--quiet")
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "vsdeblur: too bright",
        f"vsdeblur: {tmp_path / 'text.png'}: not a PNG, JPEG, TIFF or WebP file",
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    assert "too bright" in one_line(call(sources[0], tmp_path / "out.png"), 1)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_before_and_after_side_by_side(tmp_path: Path, calls: list[dict[str, Any]], suffix: str) -> None:
    both = tmp_path / f"both{suffix}"
    assert call(put(tmp_path / "in.png"), tmp_path / "out.png", "--before-after", both).exit_code == 0
    shown = cv2.imread(str(both))
    assert shown is not None
    assert shown.shape == (W, 2 * H + 8, 3)  # turned for the eye
    assert np.median(shown[:, H + 8 :].astype(float) - shown[:, :H]) == pytest.approx(25, abs=2)


def test_pairs_of_several_sizes(calls: list[dict[str, Any]]) -> None:
    small = Still(torch.rand(1, 20, 30), 8)
    strip = side_by_side([deblurred(small), deblurred(picture())])
    assert strip.values.shape == (3, 20 + 8 + W, 2 * 30 + 8)


# What is refused


def test_inputs_and_existing_files_are_left_alone(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    source, other = put(tmp_path / "in.png"), put(tmp_path / "other.png", picture(1))
    before = source.read_bytes(), other.read_bytes()
    assert "another file than the source" in one_line(call(source, source, "--overwrite"), 2)
    assert "another file than the source" in one_line(call(source, tmp_path), 2)
    assert "exists" in one_line(call(source, other), 1)
    assert (source.read_bytes(), other.read_bytes()) == before
    assert not calls
    assert call(source, other, "--overwrite").exit_code == 0
    assert other.read_bytes() != before[1]


@pytest.mark.parametrize(("option", "name"), [("estimator", "network"), ("deconvolver", "unrolled")])
def test_weights_that_are_not_there_are_one_line(tmp_path: Path, option: str, name: str) -> None:
    source = put(tmp_path / "in.png")
    line = one_line(call(source, tmp_path / "out.png", f"--{option}", f"{name}:{tmp_path}"), 2)
    assert f'{option} must be "{name}:PATH"' in line


@pytest.mark.parametrize(
    ("arguments", "code", "wanted"),
    [
        (["in.png"], 2, "OUT must be a file"),
        (["missing.png", "out.png"], 1, "no such file"),
        (["in.png", "out.bmp"], 2, "ends in .png"),
        (["in.png", "none/out.png"], 2, "a folder that exists"),
        (["in.png", "b.png", "out.png"], 2, "a folder for several"),
        (["in.png", "sub/in.png", "folder/"], 2, "different names"),
        (["in.png", "out.png", "--before-after", "both.gif"], 2, "--before-after must be"),
        (["in.png", "out.png", "--before-after", "none/both.png"], 1, "no such folder"),
        (["alpha.png", "out.jpg"], 2, "alpha"),
        (["tiny.png", "out.png"], 1, "16x16"),
    ],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[dict[str, Any]],
    arguments: list[str],
    code: int,
    wanted: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("in.png", "b.png", "sub/in.png"):
        put(tmp_path / name)
    put(tmp_path / "alpha.png", picture(4))
    put(tmp_path / "tiny.png", Still(torch.rand(3, 8, 30), 8))
    before = sorted(tmp_path.rglob("*"))
    assert wanted in one_line(call(*arguments), code)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]
) -> None:
    source = put(tmp_path / "in.png")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DeblurError, match=r"out\.png: No space left"):
        deblur_still(source, tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_quality_is_that_of_the_file(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    source = put(tmp_path / "in.png")
    for quality in (40, 95):
        deblur_still(source, tmp_path / f"{quality}.jpg", quality=quality)
    assert (tmp_path / "40.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size
    with pytest.raises(ArgumentError, match="OUT must be"):
        deblur_still(source, tmp_path / "out.gif")
