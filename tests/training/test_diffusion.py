"""The recipe of the diffusion prior: its samples, its noise levels, that it learns, and the command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.support.learning import learned
from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet
from vsdeblur.cli import main
from vsdeblur.training.clips import ClipFile
from vsdeblur.training.material import Material
from vsdeblur.training.photos import find_photos
from vsdeblur.training.recipes.diffusion import LEAST, MOST, USUAL, DiffusionRecipe, levels
from vsdeblur.training.sharp import SharpPictures


def test_pictures_come_from_photographs_and_clips(photos: Path, clips: list[ClipFile]) -> None:
    maker = SharpPictures(Material(find_photos(photos)[0], clips, share=0.5), 96)
    pictures = [maker(np.random.default_rng(k))["sharp"] for k in range(6)]
    assert all(p.shape == (3, 96, 96) and p.dtype == torch.uint8 for p in pictures)
    assert torch.equal(pictures[2], maker(np.random.default_rng(2))["sharp"])


def test_levels_are_even_in_logarithm_with_a_tail() -> None:
    sigma = np.sort(np.concatenate([levels(12, np.random.default_rng(k)) for k in range(200)]))
    assert sigma[0] > 0.99 * LEAST
    assert sigma[-1] < 1.01 * MOST
    usual = np.log(sigma[sigma < USUAL])
    assert len(usual) / len(sigma) == pytest.approx(0.85, abs=0.02)
    assert usual.mean() == pytest.approx((np.log(LEAST) + np.log(USUAL)) / 2, abs=0.1)


def test_a_few_steps_lessen_the_loss(photos: Path) -> None:
    recipe = DiffusionRecipe(100)
    maker = SharpPictures(Material(find_photos(photos)[0]), 48)
    batch = recipe.collate([maker(np.random.default_rng(k)) for k in range(2)], np.random.default_rng(0))
    torch.manual_seed(0)
    network = recipe.network()
    losses = [one["loss"] for one in learned(recipe, network, batch, 15)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_command_leaves_weights_of_the_network(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiffusionRecipe, "batch", 2)
    monkeypatch.setattr(import_module("vsdeblur.cli._training"), "HELD_SCENES", 1)
    arguments = ["--photos", str(photos), "--out", str(tmp_path / "run"), "--steps", "1", "--workers", "0"]
    result = CliRunner().invoke(main, ["train", "diffusion", *arguments])
    assert result.exit_code == 0, result.output
    assert "held_psnr_100" in result.output
    DiffusionNet().load_state_dict(load_file(tmp_path / "run" / "diffusion.safetensors"))
