"""Models that users bring: their declaration, what they are shown, how far they look, and what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.support.declared import PictureMean, WindowMean, onnx_mean, scripted
from vsdeblur import restore
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.priors import ImagePrior, VideoPrior, get_prior
from vsdeblur.priors.declaration import Declaration, declaration_beside
from vsdeblur.priors.declared import arranged, declared, picked, pieces
from vsdeblur.settings import Options
from vsdeblur.tiles import tiles
from vsdeblur.window import Window


def clip(count: int = 3, channels: int = 3, height: int = 37, width: int = 50) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(count))


def image_model(folder: Path, extra: str = "", reach: int = 2) -> str:
    return scripted(folder / "mean.pt", PictureMean(reach), f"halo = {reach}\n{extra}")


# Declarations


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks 'halo = N'"),
        ("halo = -1", "halo must be a whole number from 0 to 512, not -1"),
        ("halo = true", "halo must be a whole number"),
        ('halo = "8"', "halo must be a whole number from 0 to 512, not '8'"),
        ("halo = 8\nframes = 4", "frames must be an odd number from 1 to 31, not 4"),
        ("halo = 8\nhallo = 4", "an entry 'hallo' that does not exist: did you mean halo?"),
        ("halo = 8\nzzz = 4", "an entry 'zzz' that does not exist: there are align, colour"),
        ('halo = 8\nframes = 3\nlayout = "BCHW"', 'layout must be "BTCHW", "BCTHW" or "stacked" for several frames'),
        ('halo = 8\nlayout = "BTCHW"', 'layout must be "BCHW" for frames = 1'),
        ('halo = 8\noutput = "all"', 'output must be "middle" for frames = 1'),
        ('halo = 8\nnoise = "maps"', "noise must be one of map, channel, number, none, not 'maps'"),
        ("halo = 8\nsigma = [9, 3]", "sigma must be [least, most] in 1/255, from 0 to 255, not [9, 3]"),
        ("halo = 8\nsigma = [0, nan]", "sigma must be [least, most]"),
        ("halo = 8\nvalues = 255", "values must be [black, white]"),
        ("halo = 8\ntile = 16", "tile must be larger than twice the halo, 16, not [16, 16]"),
        ("halo = 8\ntile = 63", "tile must be a multiple of align, 8, not [63, 63]"),
        ("halo = 8\ntile = [64]", "tile must be a side or [height, width]"),
        ("halo = ", "is not readable"),
        ("\xff", "is not readable"),
    ],
)
def test_a_wrong_declaration_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DeblurError) as caught:
        declaration_beside(tmp_path / "m.onnx")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "m.toml" in str(caught.value)


def test_a_declaration_is_toml_or_json_and_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(DeblurError, match=r"has no declaration: write m\.toml beside it"):
        declaration_beside(tmp_path / "m.onnx")
    (tmp_path / "m.json").write_text(json.dumps({"halo": 4, "frames": 3}))
    said, file = declaration_beside(tmp_path / "m.onnx")
    assert (said.halo, said.frames, said.layout, file.name) == (4, 3, "BTCHW", "m.json")
    (tmp_path / "m.toml").write_text("halo = 4")
    with pytest.raises(DeblurError, match="two declarations"):
        declaration_beside(tmp_path / "m.onnx")


# What the model is shown


@pytest.mark.parametrize("layout", ["BTCHW", "BCTHW", "stacked"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("values", [(0.0, 255.0), (-1.0, 1.0)])
def test_frames_are_arranged_as_declared_and_come_back(layout: str, colour: str, values: tuple[float, float]) -> None:
    said = Declaration(0, 3, layout, "all", "map", values=values, colour=colour)
    shown = clip()
    given, sigma = arranged(shown, 0.1, said)
    shape = {"BTCHW": (1, 3, 3, 37, 50), "BCTHW": (1, 3, 3, 37, 50), "stacked": (1, 9, 37, 50)}[layout]
    assert given.shape == shape
    red = {"BTCHW": given[0, 1], "BCTHW": given[0, :, 1], "stacked": given[0, 3:6]}[layout]
    wanted = shown[1] * (values[1] - values[0]) + values[0]
    assert torch.allclose(red, wanted if colour == "rgb" else wanted.flip(0), atol=1e-4)
    assert sigma.shape == (1, 1, 37, 50)
    assert torch.allclose(sigma, torch.full_like(sigma, 0.1 * (values[1] - values[0])))
    assert torch.allclose(picked(given, shown, said, "x"), shown[1:2], atol=1e-5)


@pytest.mark.parametrize(
    ("noise", "shapes"),
    [
        ("map", [(1, 3, 3, 37, 50), (1, 1, 37, 50)]),
        ("channel", [(1, 3, 4, 37, 50)]),
        ("number", [(1, 3, 3, 37, 50), (1,)]),
        ("none", [(1, 3, 3, 37, 50)]),
    ],
)
def test_noise_is_given_as_declared(noise: str, shapes: list[tuple[int, ...]]) -> None:
    said = Declaration(0, 3, "BTCHW", noise=noise)
    inputs = arranged(clip(), 0.1, said)
    assert [tuple(x.shape) for x in inputs] == shapes
    if noise == "channel":
        assert torch.allclose(inputs[0][:, :, 3], torch.tensor(0.1))


def test_pieces_keep_what_lies_within_and_cover_everything() -> None:
    for length in (64, 65, 100, 200):
        covered = [(piece.start + kept.start, piece.start + kept.stop) for piece, kept in pieces(length, 64, 10)]
        assert covered[0][0] == 0
        assert covered[-1][1] == length
        assert all(a[1] == b[0] for a, b in pairwise(covered))
        for piece, kept in pieces(length, 64, 10):
            assert piece.stop - piece.start == 64
            assert piece.start >= 0
            assert piece.stop <= length
            assert kept.start >= 10 or piece.start == 0
            assert kept.stop <= 54 or piece.stop == length


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_any_size_and_channels(channels: int, colour: str) -> None:
    shown: list[Tensor] = []

    def half(inputs: list[Tensor]) -> Tensor:
        shown.append(inputs[0])
        return inputs[0] / 2

    prior = declared("half", Declaration(0, 1, "BCHW", noise="none", colour=colour, align=8), half)
    u = clip(2, channels) * 2 - 0.5  # beyond black and white, too
    found = prior(u, 0.1)
    count = channels - (channels + 1) % 2
    halved = u[:, :count].clamp(0, 1) / 2 + u[:, :count] - u[:, :count].clamp(0, 1)
    assert torch.allclose(found[:, :count], halved, atol=1e-6)
    assert torch.equal(found[:, count:], u[:, count:])
    assert all(x.shape[-2:] == (40, 56) for x in shown)
    assert isinstance(prior, ImagePrior)
    assert not isinstance(prior, VideoPrior)


def test_less_noise_than_it_was_trained_with_is_taken_in_part() -> None:
    said = Declaration(0, 1, "BCHW", noise="number", sigma=(10, 50), align=1)
    levels: list[float] = []

    def dark(inputs: list[Tensor]) -> Tensor:
        levels.append(255 * float(inputs[1]))
        return torch.zeros_like(inputs[0])

    prior = declared("dark", said, dark)
    u = clip(1)
    assert torch.allclose(prior(u, 5 / 255), u / 2, atol=1e-6)
    assert torch.allclose(prior(u, 0.0), u)
    assert not prior(u, 80 / 255).any()
    assert levels == pytest.approx([10, 10, 50])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: x[0] * float("nan"), "gave back values that are not finite"),
        (lambda x: x[0][..., 1:], r"gave back \(1, 3, 37, 49\), and its declaration says \(1, 3, 37, 50\)"),
        (lambda x: None, "gave back NoneType, not a tensor"),
        (lambda x: 1 / 0, "prior bad failed: division by zero"),
    ],
)
def test_what_a_model_does_wrong_is_one_line(model: object, message: str) -> None:
    prior = declared("bad", Declaration(0, 1, "BCHW", align=1), model)
    with pytest.raises(DeblurError, match=message):
        prior(clip(1), 0.1)


# TorchScript


def test_a_script_is_an_image_prior(tmp_path: Path) -> None:
    prior = get_prior(image_model(tmp_path))
    u = clip()
    wanted = PictureMean(2)(u, torch.zeros(1, 1, 1, 1))
    inner = (..., slice(3, 30), slice(3, 45))  # align pads
    assert torch.allclose(prior(u, 0.05)[inner], wanted[inner], atol=1e-6)
    assert torch.equal(prior(u, 0.05), prior(u, 0.05))
    assert (prior.name, prior.halo) == ("torchscript:mean.pt", 18)


def test_a_script_of_several_frames_gets_them_aligned(tmp_path: Path) -> None:
    name = scripted(tmp_path / "w.pt", WindowMean(1, 3), "halo = 1\nframes = 3\nmemory = 50")
    prior = get_prior(name)
    assert isinstance(prior, VideoPrior)
    assert prior.frames == 3
    frames = clip(3)[None].clone()
    assert torch.allclose(
        prior.middle(frames, 0.1)[..., 2:20, 2:20], WindowMean(1, 3)(frames, 0.0)[..., 2:20, 2:20], atol=1e-6
    )
    options = Options(prior=name, transfer="linear")
    plain, heavy = (make_plan(options, 720, 1280, 3, 0, prior=p) for p in (prior, _heavy()))
    assert heavy.peak_bytes > plain.peak_bytes or heavy.tile < plain.tile
    restored = restore(clip(4, 3, 48, 64), 2, prior=name, shutter=0.5)
    assert bool(torch.isfinite(restored).all())


def _heavy() -> ImagePrior:
    return declared("heavy", Declaration(1, 3, "BTCHW", memory=4000), lambda x: x[0])


class Opens(nn.Module):
    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x + torch.from_file("weights.bin", False, 1) + 0 * sigma


class Residual(nn.Module):
    """Gives back noise, as some denoisers do."""

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x * 0 + 0 * sigma


def test_a_script_that_does_more_than_compute_is_refused(tmp_path: Path) -> None:
    name = scripted(tmp_path / "open.pt", Opens(), "halo = 0")
    with pytest.raises(DeblurError, match=r"open\.pt opens files \(from_file\(\), which no network needs"):
        get_prior(name)


def test_files_that_are_no_scripts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.with_suffix(".toml").write_text("halo = 0")
    path.write_bytes(b"no archive")
    with pytest.raises(DeblurError, match="is no TorchScript model"):
        get_prior(f"torchscript:{path}")
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(DeblurError, match="is no TorchScript model: it holds no code"):
        get_prior(f"torchscript:{path}")
    with pytest.raises(ArgumentError, match="a checkpoint file that exists"):
        get_prior("torchscript:nothing.pt")


def test_a_model_that_looks_further_than_it_says_is_refused(tmp_path: Path) -> None:
    name = scripted(tmp_path / "liar.pt", PictureMean(12), "halo = 4")
    with pytest.raises(
        DeblurError, match=r"liar\.toml: halo = 4 is too small: the model looks at least (\d+) pixels"
    ) as e:
        get_prior(name)
    assert 10 <= int(str(e.value).split("at least ")[1].split()[0]) <= 12
    honest = scripted(tmp_path / "honest.pt", PictureMean(12), "halo = 12")
    assert get_prior(honest).halo == 28


def test_a_model_that_gives_back_another_picture_is_refused(tmp_path: Path) -> None:
    name = scripted(tmp_path / "noise.pt", Residual(), "halo = 0")
    with pytest.raises(DeblurError, match="gives back another picture than it is shown"):
        get_prior(name)
    name = image_model(tmp_path, "values = [0, 255]")  # fits either: it is linear
    assert get_prior(name)


# ONNX


def test_an_onnx_model_is_a_prior(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    name = onnx_mean(tmp_path / "m.onnx", 'halo = 1\nframes = 5\nlayout = "stacked"', frames=5)
    prior = get_prior(name)
    assert isinstance(prior, VideoPrior)
    frames = clip(5)[None].clone()
    wanted = WindowMean(1, 5)(frames, 0.0)
    assert torch.allclose(prior.middle(frames, 0.1)[..., 2:20, 2:20], wanted[..., 2:20, 2:20], atol=1e-5)
    restored = restore(clip(4, 3, 48, 64), 2, prior=name, shutter=0.5)
    assert bool(torch.isfinite(restored).all())


def test_an_onnx_model_of_one_size_runs_in_pieces(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    name = onnx_mean(tmp_path / "m.onnx", "halo = 3\ntile = [32, 40]", reach=3, size=(32, 40))
    free = onnx_mean(tmp_path / "free.onnx", "halo = 3\nalign = 1", reach=3)
    u = clip(2, 3, 75, 90)
    assert torch.allclose(get_prior(name)(u, 0.1), get_prior(free)(u, 0.1), atol=1e-6)
    small = clip(1, 3, 20, 24)
    inner = (..., slice(0, 17), slice(0, 21))
    assert torch.allclose(get_prior(name)(small, 0.1)[inner], get_prior(free)(small, 0.1)[inner], atol=1e-6)
    (tmp_path / "m.toml").write_text("halo = 3")
    with pytest.raises(DeblurError, match=r"takes frames 40x32 alone: write tile = \[32, 40\] in .*m\.toml"):
        get_prior(name)


def test_what_is_wrong_with_an_onnx_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    name = onnx_mean(tmp_path / "m.onnx", "halo = 1", noise=False)
    with pytest.raises(DeblurError, match=r'has 1 inputs, and with noise = "map" in .* there are 2'):
        get_prior(name)
    liar = onnx_mean(tmp_path / "liar.onnx", "halo = 2", reach=9)
    with pytest.raises(DeblurError, match="halo = 2 is too small"):
        get_prior(liar)
    (tmp_path / "m.onnx").write_bytes(b"no")
    with pytest.raises(DeblurError, match=r"m\.onnx is no ONNX model that onnxruntime takes") as caught:
        get_prior(name)
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "m.onnx").write_bytes(b"")
    (tmp_path / "m.toml").write_text("halo = 1")
    with pytest.raises(DeblurError, match=r"prior needs the package onnxruntime: pip install vsdeblur\[onnx\]"):
        get_prior(f"onnx:{tmp_path / 'm.onnx'}")


# Seams


def _seams(halo: int, reach: int) -> float:
    """The largest difference between a picture solved in tiles and at once, of one denoising."""
    mean = PictureMean(reach)
    prior = declared("mean", Declaration(halo, 1, "BCHW", align=1), lambda x: mean(*x))
    u = clip(1, 3, 64, 128)
    overlap = -(-prior.halo // 16) * 16
    whole, tiled = prior(u, 0.1), torch.zeros_like(u)
    for tile in tiles(64, 128, 48, overlap):
        tiled[..., tile.rows, tile.columns] += prior(u[..., tile.rows, tile.columns], 0.1) * tile.weight
    return float((whole - tiled).abs().max())


def test_tiles_with_the_declared_halo_show_no_seam() -> None:
    assert _seams(15, 15) < 1e-5
    assert _seams(0, 30) > 0.3 / 255  # one that lies: this is what the trial at loading refuses


def test_the_engine_solves_in_tiles_without_a_seam(tmp_path: Path) -> None:
    """Three rounds of the prior with the u-step in between, on noise: what tiles change stays under 0.3/255."""
    name = scripted(tmp_path / "mean.pt", PictureMean(8), "halo = 8\nalign = 1")
    options = Options(prior=name, transfer="linear", solver="keyframes", preset="fast", shutter=0.5)
    ramp = torch.linspace(0.1, 0.9, 160).expand(3, 3, 96, 160)
    frames = ramp + 8 / 255 * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(1))
    engine = Engine(options, 96, 160)
    found = []
    for tile in (512, 48):
        engine.plan = replace(engine.plan, tile=tile, overlap=(32, 32))
        found.append(engine.key_frames(Window(frames, 0, 0, 3))[0])
    assert float((found[0] - found[1]).abs().max()) < 0.3 / 255
    assert float((found[0] - frames).abs().max()) > 5 / 255
