"""The recipe of autoencoder and latent prior: that both learn, apart from one another, and the command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.support.learning import learned
from vsdeblur.blind.diffusion.latent.latent_net import LatentNet
from vsdeblur.cli import main
from vsdeblur.training.material import Material
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipes.latent import LatentRecipe
from vsdeblur.training.sharp import SharpPictures


@pytest.fixture(scope="module")
def batch(photos: Path) -> Sample:
    maker = SharpPictures(Material(find_photos(photos)[0]), 64)
    return LatentRecipe(100).collate([maker(np.random.default_rng(k)) for k in range(2)], np.random.default_rng(0))


def test_a_few_steps_lessen_both_losses(batch: Sample) -> None:
    recipe = LatentRecipe(100)
    torch.manual_seed(0)
    network = recipe.network()
    found = learned(recipe, network, batch, 30)
    assert found[-1]["pictures"] < 0.8 * found[0]["pictures"]
    assert found[-1]["uneven"] < 0.8 * found[0]["uneven"]
    assert found[-1]["prior"] < found[0]["prior"]


def test_the_priors_error_does_not_reach_the_encoder(batch: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdeblur.training.recipes.latent._EVEN", 0.0)
    recipe = LatentRecipe(100)
    gradients = []
    for weight in (0.0, 1.0):
        monkeypatch.setattr("vsdeblur.training.recipes.latent._LATENTS", weight)
        torch.manual_seed(0)
        network = recipe.network()
        recipe.loss(network, batch, 0)[0].backward()
        gradients.append(network.codec.enter.weight.grad)
    assert torch.equal(*gradients)
    assert float(gradients[0].abs().max()) > 0


def test_the_command_leaves_weights_of_the_networks(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LatentRecipe, "batch", 2)
    monkeypatch.setattr(import_module("vsdeblur.cli._training"), "HELD_SCENES", 1)
    arguments = ["--photos", str(photos), "--out", str(tmp_path / "run"), "--steps", "1", "--workers", "0"]
    result = CliRunner().invoke(main, ["train", "latent", *arguments])
    assert result.exit_code == 0, result.output
    assert "held_psnr" in result.output
    LatentNet().load_state_dict(load_file(tmp_path / "run" / "latent.safetensors"))
