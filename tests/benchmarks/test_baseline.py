"""The supervised baseline: which instant it is asked for, what it learns from, and its row of the table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import baseline
import exposure_net
from baseline import CROP, BaselineRecipe, Exposed, augmented, reversed_in_time
from exposure_net import ExposureNet

from vsdeblur.bench.own_peer import own_peer
from vsdeblur.training.footage import Opening
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample
from vsdeblur.training.stretches import Stretch
from vsdeblur.weights import load

OURS = ("motion", "unrolled", "instants")


@pytest.fixture
def untrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that have learned nothing: the linear blend of the frames in the middle."""
    save_file(ExposureNet().state_dict(), tmp_path / "baseline.safetensors")
    monkeypatch.setenv("BASELINE", str(tmp_path / "baseline.safetensors"))


class Ramp(Stretch):
    """Light that grows evenly with time, a part of a period open."""

    def opening(self, rng: np.random.Generator, centred: bool) -> Opening:
        return Opening(4 / 8, (np.arange(4) - 1.5) / 8, True)


def ramp() -> Ramp:
    frames = np.broadcast_to(np.arange(41, dtype=np.uint8)[:, None, None, None] * 5, (41, CROP, CROP, 3))
    return Ramp(frames, 8, 1.0, 1.0, True)


def test_it_has_no_more_weights_than_ours() -> None:
    own = sum(parameter.numel() for parameter in ExposureNet().parameters())
    ours = sum(tensor.numel() for name in OURS for tensor in load(name).values())
    assert 0.9 * ours < own <= ours


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("shutter", [1.0, 0.625, 0.25])
def test_instants_are_those_of_the_protocol(shutter: float) -> None:
    """Where light grows evenly, the blend of two exposures is the instant itself."""
    count, factor = 5, 8
    middles = (np.arange(count) + shutter / 2) / 10
    blurry = np.broadcast_to(middles[:, None, None, None], (count, 20, 24, 3)).astype(np.float32)
    found = exposure_net.restore(blurry, factor, shutter)
    assert found.shape == (count * factor, 20, 24, 3)
    inner = slice(factor, -factor)
    wanted = (np.arange(count * factor) + 0.5) / factor / 10
    assert np.abs(found[inner, 3, 4, 1] - wanted[inner]).max() < 1e-5


@pytest.mark.usefixtures("untrained")
def test_it_is_a_row_of_the_table() -> None:
    file = Path(exposure_net.__file__)
    blurry = np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), np.uint8)
    _, row = own_peer(f"baseline={file}:restore")
    restored = row(blurry, 4, 4)
    assert restored.shape == (12, 32, 40, 3)
    assert np.abs(restored[5].astype(int) - np.rint(0.125 * blurry[0] + 0.875 * blurry[1])).max() <= 1


def test_samples_are_exposures_and_instants_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exposed, "_footage", lambda *_: ramp())
    monkeypatch.setattr(baseline, "degraded", lambda light, *_: (light * 255).round().to(torch.uint8))
    sample = Exposed(Material())(np.random.default_rng(0))
    assert sample["blurry"][:, 0, 0, 0].tolist() == pytest.approx([100 + 40 * n for n in (-1, 0, 1, 2)], abs=3)
    first = float(sample["blurry"][1, 0, 0, 0])
    wanted = first + 40 * sample["times"]
    assert float((sample["sharp"][:, 0, 0, 0] - wanted).abs().max()) < 3
    back = reversed_in_time(sample)
    assert float((back["sharp"][:, 0, 0, 0] - (back["blurry"][1, 0, 0, 0] - 40 * back["times"])).abs().max()) < 3


def moving() -> Sample:
    """A texture that slides by eight pixels a period."""
    texture = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (3, 144, 240), np.uint8))
    texture = torch.nn.functional.avg_pool2d(texture.float(), 9, 1, 4)

    def at(time: float) -> torch.Tensor:
        left = 40 + round(8 * time)
        return texture[..., left : left + 144]

    blurry = [torch.stack([at(n + k / 8) for k in range(-3, 4)]).mean(0) for n in range(-1, 3)]
    times = [0.125, 0.25, 0.5, 0.875]
    pictures = {"blurry": blurry, "sharp": [at(t) for t in times]}
    sample = {key: torch.stack(x).round().to(torch.uint8) for key, x in pictures.items()}
    return sample | {"times": torch.tensor(times), "shutter": torch.tensor([7 / 8])}


def test_crops_keep_pictures_and_times_together() -> None:
    out = augmented(moving(), np.random.default_rng(3))
    assert out["blurry"].shape == (4, 3, CROP, CROP)
    assert out["sharp"].shape == (2, 3, CROP, CROP)
    assert len(out["times"]) == 2
    assert 0 <= float(out["blurry"].min()) < float(out["blurry"].max()) <= 1


def test_a_few_steps_lessen_the_loss() -> None:
    torch.manual_seed(0)
    recipe = BaselineRecipe(100)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    batch = recipe.collate([moving()], np.random.default_rng(1))
    losses = []
    for step in range(12):
        loss, scalars = recipe.loss(network, batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(scalars["loss"])
    assert losses[-1] < 0.95 * losses[0]
    scores = recipe.validate(network, [moving()])
    assert scores["gain_worst"] == pytest.approx(scores["gain"])
