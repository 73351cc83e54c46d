"""Training on blurry pictures alone: what is shown and wanted, which blur is found, that nothing sharp is seen."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from tests.support.learning import learned
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.cli import main
from vsdeblur.training.blurry_pictures import BlurryPictures, as_sample, line, line_like
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipes import equivariant, equivariant_deepinv
from vsdeblur.training.recipes.equivariant import EquivariantRecipe, transformed
from vsdeblur.training.recipes.equivariant_deepinv import DeepinvRecipe
from vsdeblur.training.recipes.restoration import CROP
from vsdeblur.training.shaken import ShakenPhotos


def picture(size: int = CROP) -> Tensor:
    """(3, size, size): patches of random colours."""
    small = torch.rand(1, 3, size // 8 + 1, size // 8 + 1, generator=torch.Generator().manual_seed(3))
    return 0.2 + 0.6 * small.repeat_interleave(8, 2).repeat_interleave(8, 3)[0, :, :size, :size]


def blurred(kernel: Tensor, size: int) -> Tensor:
    u = picture(size + 2 * REACH)[None]
    return PixelwiseBlur(kernel[None, None], torch.ones(1, 1, size, size))(u)[0]


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """As of ``ShakenPhotos``, of generated pictures blurred along lines."""
    made = []
    for k in range(2):
        kernel = line(6.0 + 4 * k, 1.0, 0.5)
        sharp = picture(160 + 2 * REACH)
        grid = kernel.expand(10, 10, -1, -1).half().contiguous()
        made.append({"sharp": sharp.half(), "blurry": blurred(kernel, 160).half(), "kernels": grid})
        made[-1]["gamma"] = torch.tensor([1.0])
    return made


def test_no_sharp_picture_is_in_the_batch(samples: list[Sample]) -> None:
    batch = EquivariantRecipe().collate(samples, np.random.default_rng(0))
    assert set(batch) == {"v", "kernels", "noise", "seed"}
    assert batch["v"].shape == (2, 3, CROP, CROP)
    assert batch["kernels"].shape == (2, SPAN, SPAN)


def test_results_are_made_smaller_turned_and_shifted() -> None:
    x = torch.linspace(0, 1, CROP).expand(2, 3, CROP, -1).contiguous()
    found = [transformed(x, np.random.default_rng(k)) for k in range(30)]
    assert {y.shape[-1] for y in found} == {48, 56, 64}
    slopes = [float((y[0, 0, 10, 20] - y[0, 0, 10, 10]) * (CROP - 1) / 10) for y in found]
    flat = [s for s in slopes if abs(s) < 1e-4]  # turned by a quarter
    steep = [abs(s) for s in slopes if abs(s) >= 1e-4]
    assert flat
    assert min(slopes) < 0 < max(slopes)
    assert 0.95 < min(steep) < 1.1 < max(steep) < 1.8


def test_the_truth_is_consistent_to_the_noise_and_a_blurrier_picture_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, noise = line(9.0, 0.6, 0.8), 0.02
    sharp = picture(CROP + 2 * REACH)[None]
    v = PixelwiseBlur(kernel[None, None], torch.ones(1, 1, CROP, CROP))(sharp)
    v = v + noise * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))
    truth = sharp[..., REACH:-REACH, REACH:-REACH]
    errors = []
    for result in (truth, v):
        monkeypatch.setattr(equivariant, "stages", lambda *_, found=result: [found])
        rng = np.random.default_rng(0)
        errors.append(float(equivariant._consistent(None, v, kernel[None], noise, rng, linear=False)[0]))
    expected = noise**2 * (1 + 1 / 0.7**2) / (noise**2 + (2 / 255) ** 2)
    assert errors[0] == pytest.approx(expected, rel=0.1)
    assert errors[1] > 1.1 * errors[0]


def test_a_few_steps_lessen_the_loss(samples: list[Sample]) -> None:
    torch.manual_seed(0)
    recipe = EquivariantRecipe(100)
    network = recipe.network()
    batch = recipe.collate(samples[:1], np.random.default_rng(1))
    losses = [one["loss"] for one in learned(recipe, network, batch, 5)]
    assert losses[-1] < 0.98 * losses[0]


@pytest.mark.parametrize(("length", "angle"), [(0.0, 0.0), (5.0, 0.4), (17.0, 2.2), (30.0, 1.5)])
def test_a_line_is_found_in_its_spread(length: float, angle: float) -> None:
    true = line(length, math.cos(angle), math.sin(angle))
    assert float(true.sum()) == pytest.approx(1)
    assert float((line_like(true) - true).abs().sum()) / 2 < 0.15


def test_the_blur_of_a_picture_is_found_along_a_line() -> None:
    true = line(12.0, math.cos(0.5), math.sin(0.5))
    sample = as_sample(blurred(true, 160), "directional")
    assert sample["picture"].shape == (3, 160, 160)
    assert float((sample["kernel"] - true).abs().sum()) / 2 < 0.6  # crossing it: 0.9
    assert float(as_sample(blurred(true, 160), "full")["kernel"].sum()) == pytest.approx(1, abs=1e-4)
    batch = EquivariantRecipe(kind="directional").collate([sample, sample], np.random.default_rng(0))
    assert batch["v"].shape == (2, 3, CROP, CROP)
    assert float(batch["v"][1].mean()) < float(batch["v"][0].mean())  # light
    assert float(batch["noise"][0]) > 0


def test_where_the_blur_is_found_it_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """f is not given the kernel that blurred its own result, but what is found in that."""
    other, seen = line(3.0, 0.0, 1.0), []

    def found(picture: Tensor, kind: str) -> Tensor:
        seen.append((tuple(picture.shape), kind))
        return other

    def restored(network: Any, v: Tensor, blur: PixelwiseBlur, *_: Any) -> list[Tensor]:
        kernels.append(blur.basis[:, 0])
        return [v]

    kernels: list[Tensor] = []
    monkeypatch.setattr(equivariant, "found_kernel", found)
    monkeypatch.setattr(equivariant, "stages", restored)
    recipe = EquivariantRecipe(kind="full")
    sample = {"picture": picture(96), "kernel": line(9.0, 1.0, 0.0), "noise": torch.tensor([0.01])}
    batch = recipe.collate([sample, sample], np.random.default_rng(0))
    recipe.loss(recipe.network(), batch, 0)
    assert [kind for _, kind in seen] == ["full", "full"]
    assert torch.equal(kernels[0][0], sample["kernel"])
    assert torch.equal(kernels[1][0], other)


def test_deepinvs_losses_fall_and_are_the_same_for_the_same_batch(samples: list[Sample]) -> None:
    pytest.importorskip("deepinv")
    torch.manual_seed(0)
    recipe = DeepinvRecipe(100)
    network = recipe.network()
    batch = recipe.collate(samples[:1], np.random.default_rng(1))
    bright = batch | {"v": batch["v"].clone()}
    bright["v"][..., 30:50, 30:50] = 1.0  # lights that clip
    assert recipe.loss(network, bright, 0)[1] == recipe.loss(network, bright, 0)[1]
    losses = [one["loss"] for one in learned(recipe, network, batch, 5)]
    assert losses[-1] < losses[0]


def test_deepinvs_risk_is_that_of_the_true_data(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    """SURE of an f that gives back the truth, whatever the data: the noise's variance is taken off, nothing is left."""
    pytest.importorskip("deepinv")
    kernel, noise = line(9.0, 0.6, 0.8), 0.05
    sharp = picture(CROP + 2 * REACH)[None]
    v = PixelwiseBlur(kernel[None, None], torch.ones(1, 1, CROP, CROP))(sharp)
    v = v + noise * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))
    truth = sharp[..., REACH:-REACH, REACH:-REACH]
    monkeypatch.setattr(equivariant_deepinv, "stages", lambda *_: [truth])
    batch = {"v": v, "kernels": kernel[None], "noise": torch.full((2,), noise), "seed": torch.tensor([1])}
    recipe = DeepinvRecipe()
    _, scalars = recipe.loss(recipe.network(), batch, 0)
    assert abs(scalars["consistency"]) < 0.1 * noise**2


def test_without_deepinv_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv", None)
    command = ["train", "restoration", "--photos", str(tmp_path), "--out", str(tmp_path / "o"), "--losses", "deepinv"]
    done = CliRunner().invoke(main, [*command, "--self-supervised", "known"])
    assert done.exit_code == 1
    assert "losses needs the package deepinv: pip install vsdeblur[deepinv]" in done.output
    done = CliRunner().invoke(main, [*command, "--self-supervised", "full"])
    assert "--losses must be own without --self-supervised known" in done.output


@pytest.mark.parametrize(
    ("given", "found", "maker"),
    [
        ((), None, ShakenPhotos),
        (("--self-supervised", "known"), None, ShakenPhotos),
        (("--self-supervised", "directional"), "directional", "directional"),
        (("--self-supervised", "full"), "full", "full"),
    ],
)
def test_the_command_takes_the_stage(
    given: tuple[str, ...], found: str | None, maker: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def trained(recipe: Any, scenes: Any, count: int, *, photos: Path, **course: Any) -> None:
        asked.append((recipe, scenes))

    monkeypatch.setattr(import_module("vsdeblur.cli._train_pictures"), "train_photos", trained)
    done = CliRunner().invoke(
        main, ["train", "restoration", "--photos", str(tmp_path), "--out", str(tmp_path / "o"), *given]
    )
    assert done.exit_code == 0, done.output
    ((recipe, scenes),) = asked
    assert getattr(recipe, "kind", None) == found
    assert isinstance(recipe, EquivariantRecipe) is bool(given)
    if isinstance(maker, str):
        assert isinstance(scenes, partial)
        made = scenes(_paths())
        assert isinstance(made, BlurryPictures)
        assert made.kind == maker
    else:
        assert scenes is maker


def _paths() -> Sequence[Path]:
    return [Path("a.jpg")]
