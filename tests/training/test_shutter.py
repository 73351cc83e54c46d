"""The network of the shutter: what it reads, and the recipe that it learns by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vsdeblur.calibration.shutter import fit as fitting
from vsdeblur.calibration.shutter.evidence import ACROSS, ALONG, FEATURES, ONWARD, SCALARS, ShutterEvidence
from vsdeblur.calibration.shutter.fit import NOTHING, fit_shutter, median
from vsdeblur.calibration.shutter.reader import CANDIDATES, ShutterReader, candidate_rows
from vsdeblur.training.exposed import ExposedScenes
from vsdeblur.training.material import Material
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool, Sample
from vsdeblur.training.recipes.shutter import ShutterRecipe


@pytest.fixture(scope="module")
def samples(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    pool = Pool(tmp_path_factory.mktemp("exposed"), ExposedScenes(Material(find_photos(photos)[0])), 1)
    return [pool[k] for k in range(4)]


def test_samples_are_what_the_estimate_reads(samples: list[Sample]) -> None:
    for sample in samples:
        assert sample["tiles"].shape == (len(sample["frame"]), FEATURES)
        assert torch.isfinite(sample["tiles"]).all()
        assert torch.allclose(sample["tiles"][:, 0], torch.ones(len(sample["frame"])))
        assert set(sample["frame"].tolist()) <= {0, 1, 2}
        assert 0 < float(sample["shutter"]) <= 1


def ideal(shutter: float) -> torch.Tensor:
    """A tile of a texture that is like itself over a fifth of a period only, and moves."""

    def r(lag: torch.Tensor) -> torch.Tensor:
        return torch.exp(-(lag**2) / (2 * 0.08**2))

    tile = torch.zeros(FEATURES)
    along, across, onward, _ = torch.split(tile, [len(ALONG), len(ACROSS), len(ONWARD), SCALARS])

    def c(lag: torch.Tensor) -> torch.Tensor:
        return r(lag) - (r(lag - shutter) + r(lag + shutter)) / 2

    along[:], across[:], onward[:] = c(ALONG) / c(torch.zeros(1)), r(ACROSS), c(ONWARD - 1) / c(torch.zeros(1))
    return tile


@pytest.mark.parametrize("shutter", [0.25, 0.5, 0.9])
def test_the_candidate_that_explains_a_tile_leaves_least(shutter: float) -> None:
    rows, _ = candidate_rows(ideal(shutter)[None])
    left = rows[0, :, 2 * 13 + 3 * 5 + 4 + 3]
    assert float(CANDIDATES[left.argmin()]) == pytest.approx(shutter, abs=0.051)


def test_order_and_padding_do_not_matter(samples: list[Sample]) -> None:
    network = ShutterReader()
    tiles = samples[0]["tiles"]
    padded = torch.cat((tiles.flip(0), torch.full((3, FEATURES), 7.0)))
    count = torch.cat((torch.ones(len(tiles)), torch.zeros(3)))
    with torch.inference_mode():
        plain = network(tiles[None], torch.ones(1, len(tiles)))
        other = network(padded[None], count[None])
    assert torch.allclose(plain, other, atol=1e-4)
    assert plain.exp().sum() == pytest.approx(1, abs=1e-4)


def test_the_median_lies_where_half_is() -> None:
    likely = torch.zeros(len(CANDIDATES), dtype=torch.float64)
    likely[19] = 1.0
    assert median(likely) == pytest.approx(0.5)
    likely[9] = 1.0
    assert 0.25 < median(likely) < 0.5
    assert median(torch.ones_like(likely)) == pytest.approx(0.5125)


def test_a_few_steps_lessen_the_loss(samples: list[Sample]) -> None:
    torch.manual_seed(0)
    recipe = ShutterRecipe(100)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    batch = recipe.collate(samples, np.random.default_rng(1))
    losses = []
    for _ in range(10):
        loss, scalars = recipe.loss(network, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(scalars["loss"])
    assert losses[-1] < 0.9 * losses[0]
    assert set(recipe.validate(network, samples)) == {"loss", "error", "right"}


def test_without_weights_nothing_is_known_and_it_is_said(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fitting, "available", lambda name: False)
    fitting._reader.cache_clear()
    try:
        assert fit_shutter([ShutterEvidence(samples[0]["tiles"], 1.0, 5.0)]) == NOTHING
        assert "0.5" in caplog.text
    finally:
        fitting._reader.cache_clear()
