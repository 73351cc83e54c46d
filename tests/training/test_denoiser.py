"""The recipe of the video denoiser: what its samples are, that it learns, and the command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.support.learning import learned
from vsdeblur.cli import main
from vsdeblur.priors.video_net import VideoNet
from vsdeblur.training.material import Material
from vsdeblur.training.moving import MovingFrames
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool, Sample
from vsdeblur.training.recipes.denoiser import DenoiserRecipe, noisy_crop

SIZE = 48


@pytest.fixture(scope="module")
def samples(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    pool = Pool(tmp_path_factory.mktemp("moving"), MovingFrames(Material(find_photos(photos)[0]), SIZE), 2)
    return [pool[k] for k in range(8)]


def test_frames_move_or_stand_still(samples: list[Sample]) -> None:
    changes = [float((s["sharp"][2].float() - s["sharp"][3].float()).abs().mean()) for s in samples]
    assert samples[0]["sharp"].shape == (5, 3, SIZE, SIZE)
    assert max(changes) > 3
    assert min(changes) < 0.5 * max(changes)


def test_the_noise_is_what_the_network_is_told(samples: list[Sample]) -> None:
    """In the middle frame, over many crops; and low levels are not rare."""
    rng = np.random.default_rng(0)
    crops = [noisy_crop(samples[k % 8]["sharp"], rng) for k in range(200)]
    told = torch.stack([c["sigma"].mean() for c in crops])
    found = torch.stack([(c["noisy"][2] - c["clean"]).square().mean().sqrt() for c in crops])
    loud = told > 3 / 255
    assert float((found[loud] / told[loud]).median()) == pytest.approx(1, abs=0.05)
    assert 0.2 < float((told < 5 / 255).float().mean()) < 0.6
    assert float(told.max()) > 40 / 255
    # Some neighbours are the middle frame itself, with the same noise.
    copies = sum(bool((c["noisy"][n] == c["noisy"][2]).all()) for c in crops for n in (0, 1, 3, 4))
    assert 10 < copies < 100


def test_a_few_steps_lessen_the_loss(samples: list[Sample]) -> None:
    recipe = DenoiserRecipe(100)
    torch.manual_seed(0)
    network = recipe.network()
    batch = recipe.collate(samples, np.random.default_rng(1))
    loudest = batch["sigma"].mean((1, 2, 3)).argsort()[-2:]
    batch = {key: value[loudest] for key, value in batch.items()}
    losses = [one["loss"] for one in learned(recipe, network, batch, 60)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_rate_rises_and_falls_along_the_course() -> None:
    recipe = DenoiserRecipe(1000)
    rates = [recipe.rate(k) for k in (0, 399, 700, 1000)]
    assert rates[0] < 0.01 * rates[1]
    assert rates[1] > rates[2] > 20 * rates[3] > 0


def test_it_is_judged_beside_total_variation(samples: list[Sample]) -> None:
    recipe = DenoiserRecipe()
    scores = recipe.validate(recipe.network(), samples[:2])
    # An untrained network returns what it is given: noise of 20 code values is 22.1 dB.
    assert scores["psnr_20"] == pytest.approx(22.1, abs=0.3)
    assert scores["tv_20"] > scores["psnr_20"] + 2
    assert scores["psnr_2"] > scores["psnr_40"]


def test_the_command_leaves_weights_of_the_network(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DenoiserRecipe, "batch", 1)
    monkeypatch.setattr(import_module("vsdeblur.cli._training"), "HELD_SCENES", 1)
    arguments = ["--photos", str(photos), "--out", str(tmp_path / "run"), "--steps", "1", "--workers", "0"]
    result = CliRunner().invoke(main, ["train", "denoiser", *arguments])
    assert result.exit_code == 0, result.output
    assert "held_psnr_10" in result.output
    VideoNet().load_state_dict(load_file(tmp_path / "run" / "denoiser.safetensors"))
