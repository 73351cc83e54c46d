"""Things that move on their own: the samples that are made, and the recipe of the network that finds them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from vsdeblur.blind.local.lags import CELL, DIRECTIONS, KINDS, LAGS, lag_maps
from vsdeblur.blind.local.local_net import LENGTHS, LocalNet
from vsdeblur.cli import main
from vsdeblur.training.local import LocalPhotos, passed
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool, Sample
from vsdeblur.training.recipes.local import LocalRecipe, motion_error, turned
from vsdeblur.training.shaken import REACH

SIZE = 64


@pytest.fixture(scope="module")
def samples(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    pool = Pool(tmp_path_factory.mktemp("local"), LocalPhotos(find_photos(photos)[0], SIZE), 3)
    return [pool[k] for k in range(8)]


def test_samples_are_what_the_network_takes(samples: list[Sample]) -> None:
    places = SIZE // CELL
    for sample in samples:
        assert sample["picture"].shape == (3, SIZE, SIZE)
        assert sample["lags"].shape == (places, places, KINDS, DIRECTIONS, LAGS)
        assert sample["mattes"].shape == (2, SIZE, SIZE)
        again = lag_maps(sample["picture"][None].float() / 255)[0]
        assert torch.allclose(sample["lags"].float(), again, atol=2e-3)
    moved = [bool(sample["mattes"].any()) for sample in samples]
    assert any(moved)
    assert not all(moved)


def test_a_thing_that_passes_hides_what_is_behind_it_for_a_while() -> None:
    wide = SIZE + 2 * REACH
    back = np.full((wide, wide, 3), 0.2, np.float32)
    thing = np.zeros((wide, wide, 4), np.float32)
    thing[:, REACH + 20 : REACH + 40] = 0.8, 0.8, 0.8, 1.0
    seen, mattes = passed(back, thing, np.array([10.0, 0.0]))
    row = mattes[1, 30]
    assert row[20:40].sum() + row[10:20].sum() + row[40:50].sum() == pytest.approx(20, abs=0.05)
    assert row[30] == pytest.approx(1, abs=1e-4)
    assert row[19:21].mean() == pytest.approx(0.5, abs=0.05)  # the edge, in the middle of the exposure
    assert np.allclose(seen[30, :, 0], 0.2 + 0.6 * row, atol=1e-4)
    assert set(mattes[0, 30].tolist()) == {0.0, 1.0}


def test_directions_turn_with_the_picture(samples: list[Sample]) -> None:
    for seed in range(6):
        sample = turned(samples[0], np.random.default_rng(seed))
        again = lag_maps(sample["picture"][None].float() / 255)[0]
        apart = float((again - sample["lags"].float()).abs().mean())
        assert apart < 0.2 * float(again.abs().mean())  # differences lie half a pixel aside
        assert 0 <= float(sample["motion"][0]) < math.pi


def test_the_true_motion_has_the_least_error() -> None:
    motion = torch.tensor([[math.pi / 4, 12.0]])
    errors = {}
    for turn in (4, 5, 12):
        for far in (4, 6):
            votes = torch.full((1, DIRECTIONS, len(LENGTHS)), -8.0)
            votes[0, turn, far] = 0
            error, right = motion_error(votes, motion, torch.ones(1))
            errors[turn, far] = float(error)
            assert bool(right) == (turn in (4, 5) and far == 4)
    assert min(errors, key=lambda at: errors[at]) == (4, 4)
    assert motion_error(votes, motion, torch.zeros(1))[0] == 0


def test_a_few_steps_lessen_the_loss(samples: list[Sample]) -> None:
    torch.manual_seed(0)
    recipe = LocalRecipe(100)
    network = recipe.network()
    assert isinstance(network, LocalNet)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    batch = recipe.collate(samples, np.random.default_rng(1))
    losses = []
    for _ in range(12):
        loss, scalars = recipe.loss(network, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(scalars["loss"])
    assert losses[-1] < 0.9 * losses[0]
    assert set(recipe.validate(network, samples)) == set(scalars)


def test_the_command_writes_weights(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalRecipe, "batch", 2)
    out = tmp_path / "run"
    arguments = ["train", "local", "--photos", str(photos), "--out", str(out), "--workers", "0", "--steps", "1"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert load_file(out / "local.safetensors").keys() == LocalNet().state_dict().keys()
