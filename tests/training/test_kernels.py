"""Photographs by a shaken camera, and the recipes of the two networks that learn from them, apart and together."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from tests.support.learning import learned
from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN, KernelNet, autocorrelations, gradient, quotients
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.cli import main
from vsdeblur.errors import InputError
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool, Sample
from vsdeblur.training.recipe import Recipe
from vsdeblur.training.recipes import joint
from vsdeblur.training.recipes.bridge import BridgeRecipe
from vsdeblur.training.recipes.joint import JointRecipe
from vsdeblur.training.recipes.kernels import KernelsRecipe, kernel_error, mixed, reblur_error, reblurred, turned
from vsdeblur.training.recipes.restoration import RestorationRecipe
from vsdeblur.training.restored import RestoredPhotos
from vsdeblur.training.shaken import CELL, ShakenPhotos

SIZE = 48


@pytest.fixture(scope="module")
def samples(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    pool = Pool(tmp_path_factory.mktemp("shaken"), ShakenPhotos(find_photos(photos)[0], SIZE), 2)
    return [pool[k] for k in range(8)]


def cells(batch: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    """The kernels (B, P, n * n) and their pixels (B, P, 2)."""
    line = torch.arange(CELL // 2, SIZE, CELL, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    true = batch["kernels"].flatten(3).flatten(1, 2)
    return true, torch.stack((x.flatten(), y.flatten()), -1).expand(len(true), -1, -1)


def test_kernels_are_those_that_blurred(samples: list[Sample]) -> None:
    """Blurred again with them, the sharp picture is the blurry one, in whichever way it is turned."""
    recipe = KernelsRecipe()
    for seed in range(3):
        batch = recipe.collate(samples, np.random.default_rng(seed))
        true, at = cells(batch)
        batch["at"] = at
        still = torch.zeros_like(true)
        still[..., SPAN * SPAN // 2] = 1
        errors = [reblur_error(reblurred(batch["sharp"], kernels, at), batch).mean() for kernels in (true, still)]
        assert errors[0] < 0.3 * errors[1]
        assert torch.allclose(true.sum(-1), torch.ones(true.shape[:2]), atol=0.01)


def test_turning_goes_round(samples: list[Sample]) -> None:
    sharp = {tuple(turned(samples[0], np.random.default_rng(k))["sharp"][:, 3, 5].tolist()) for k in range(30)}
    assert len(sharp) > 10


def test_kernel_error_is_the_light_out_of_place() -> None:
    true = torch.zeros(1, 1, SPAN, SPAN)
    true[..., 18, 18] = 1
    far, half = true.roll(9, -1), (true + true.roll(9, -1)) / 2
    found = [float(kernel_error(k.flatten(2), true.flatten(2))) for k in (true, half, far)]
    assert found == pytest.approx([0, 0.5, 1], abs=1e-3)


def test_shares_are_interpolated_between_their_places() -> None:
    basis = torch.eye(2).view(1, 2, 2)
    shares = torch.zeros(1, 2, 2, 2)
    shares[0, 0, :, 1] = 30.0
    at = torch.tensor([[[2.0, 4.0], [12.0, 4.0]]])
    found = mixed(basis, shares, at, 16)
    assert found[0, 0].tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert found[0, 1].tolist() == pytest.approx([1, 0], abs=0.01)


def test_autocorrelations_show_the_blur() -> None:
    """Noise blurred along a line is like itself along that line."""
    torch.manual_seed(0)
    noise = torch.randn(1, 1, 96, 96 + 8)
    blurred = noise.unfold(-1, 9, 1).mean(-1)
    lags = autocorrelations(gradient(blurred))[0, 0]
    assert lags[REACH, REACH] == pytest.approx(float(torch.tensor(4.0).asinh()), abs=1e-4)
    assert torch.allclose(lags, lags.flip(0, 1), atol=1e-4)
    assert lags[REACH, REACH + 3] > lags[REACH + 3, REACH] + 0.2


def test_quotients_find_the_kernel_between_two_pictures() -> None:
    torch.manual_seed(0)
    u = torch.randn(1, 1, 96, 96)
    v = 0.25 * u.roll((-5, 2), (-2, -1)) + 0.75 * u.roll((1, -3), (-2, -1))  # v(p) = .25 u(p + (5, -2)) + ...
    found = quotients(gradient(u), gradient(v))[0, 0]
    places = found.flatten().topk(2).indices
    assert [divmod(int(k), SPAN) for k in places] == [(REACH - 1, REACH + 3), (REACH + 5, REACH - 2)]


@pytest.mark.parametrize(
    ("recipe", "count", "fall"),
    [(KernelsRecipe(100), 8, 0.8), (RestorationRecipe(100), 8, 0.9), (JointRecipe(100), 4, 0.95)],
)
def test_a_few_steps_lessen_the_loss(samples: list[Sample], recipe: Recipe, count: int, fall: float) -> None:
    torch.manual_seed(0)
    network = recipe.network()
    batch = recipe.collate(samples[:2], np.random.default_rng(1))
    losses = [one["loss"] for one in learned(recipe, network, batch, count)]
    assert losses[-1] < fall * losses[0]


def test_kernels_of_any_size() -> None:
    basis, shares, edges = KernelNet()(torch.rand(2, 3, 64, 96))
    assert edges.shape == (2, 2, 64, 96)
    assert basis.shape[2:] == (SPAN, SPAN)
    assert shares.shape == (2, basis.shape[1], 16, 24)


def test_restoration_teaches_both_networks(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kernels' own errors left out of it."""
    recipe = JointRecipe(100)
    network = recipe.network()
    batch = recipe.collate(samples[:2], np.random.default_rng(1))
    monkeypatch.setattr(joint, "network_error", lambda found, batch: (torch.zeros(()), {}))
    loss, _ = recipe.loss(network, batch, 0)
    loss.backward()
    assert isinstance(network, torch.nn.ModuleDict)
    kernels = network["kernels"]
    for part in (kernels.plane.leave, kernels.shares, kernels.enter, network["restoration"].enter):
        assert float(part.weight.grad.abs().max()) > 0


def test_the_noise_that_is_told_is_that_of_the_picture(samples: list[Sample]) -> None:
    """Where it is louder than rounding and JPEG, and nothing clips."""
    told, true = [], []
    for seed in range(12):
        batch = JointRecipe(100).collate(samples, np.random.default_rng(seed))
        apart = batch["picture"] ** batch["gamma"][..., None, None] - batch["blurry"]
        for k, noise in enumerate(batch["noise"][:, 0]):
            if noise > 0.005 and batch["blurry"][k].max() < 0.9:
                told.append(float(noise))
                true.append(float(apart[k].std()))
    assert len(told) > 5
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.3)


def test_what_is_restored_is_the_blurry_picture(photos: Path) -> None:
    """Its kernel makes the blurry picture of the sharp one, where it is the true one, but for noise as deep as said."""
    make = RestoredPhotos(find_photos(photos)[0], 32)
    left, closer = [], []
    for seed in range(12):
        sample = {key: value.float() for key, value in make(np.random.default_rng(seed)).items()}
        sharp = sample["sharp"][None]
        again = UniformBlur(sample["kernel"] / sample["kernel"].sum(), (32, 32))(sharp)
        if float(sample["v"].max()) < 1 and sample["noise"] > 0.002:
            left.append(float((again - sample["v"]).std() / sample["noise"]))
        inner, v = sharp[0, :, REACH:-REACH, REACH:-REACH], sample["v"]
        restored = sample["first"][:, REACH:-REACH, REACH:-REACH]
        closer.append(float((restored - inner).square().mean() / (v - inner).square().mean()))
    assert len(left) > 3
    assert np.median(left) == pytest.approx(1, rel=0.5)
    assert np.median(closer) < 0.9


def test_points_of_the_bridge_have_one_step_and_many(photos: Path) -> None:
    """Half of them at its blurry end without noise, the others anywhere, with and without."""
    make = RestoredPhotos(find_photos(photos)[0], 24)
    sample, recipe = make(np.random.default_rng(3)), BridgeRecipe(100)
    batches = [recipe.collate([sample] * 8, np.random.default_rng(seed)) for seed in range(25)]
    time, spread = (torch.cat([batch[key] for batch in batches])[:, 0] for key in ("time", "spread"))
    assert 0.35 < float((time == 1).float().mean()) < 0.65
    assert float(spread[time == 1].max()) == 0
    assert 0.25 < float((spread[time < 1] == 0).float().mean()) < 0.6
    assert float(time.min()) < 0.1
    turned_kernels = {tuple(batch["kernel"][0].flatten().tolist()) for batch in batches}
    assert len(turned_kernels) > 3


@pytest.mark.parametrize("name", ["kernels", "restoration", "joint", "bridge"])
def test_the_commands(photos: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("vsdeblur.cli._training"), "HELD_SCENES", 2)
    for recipe, batch in ((KernelsRecipe, 1), (RestorationRecipe, 2), (JointRecipe, 1), (BridgeRecipe, 1)):
        monkeypatch.setattr(recipe, "batch", batch)
    monkeypatch.setattr(joint, "CROP", 32)
    out = tmp_path / "o"
    arguments = ["train", name, "--photos", str(photos), "--workers", "0", "--out", str(out)]
    done = CliRunner().invoke(main, [*arguments, "--steps", "1"])
    assert done.exit_code == 0, done.output
    parts = ["kernels", "restoration"] if name == "joint" else [name]
    for part in parts:
        assert load_file(out / f"{part}.safetensors")
        assert f"{part}.safetensors" in done.output
    if name == "joint":
        again = CliRunner().invoke(main, [*arguments, "--steps", "2", "--resume"])
        assert again.exit_code == 0, again.output
        assert "step 2 " in again.output


def test_joint_training_starts_from_weights_that_are_given(tmp_path: Path) -> None:
    torch.manual_seed(3)
    given = KernelNet().state_dict()
    save_file(given, tmp_path / "kernels.safetensors")
    for path in (tmp_path, tmp_path / "kernels.safetensors"):
        begun = JointRecipe(100, kernels=path).network()
        assert isinstance(begun, torch.nn.ModuleDict)
        assert torch.equal(begun["kernels"].enter.weight, given["enter.weight"])
    with pytest.raises(InputError, match=r"restoration\.safetensors: there is no such file"):
        JointRecipe(100, restoration=tmp_path).network()


def test_a_bridge_grows_out_of_weights_that_are_given(photos: Path, tmp_path: Path) -> None:
    """And a few steps lessen its loss."""
    torch.manual_seed(3)
    given = RestorationNet().state_dict()
    save_file(given, tmp_path / "restoration.safetensors")
    recipe = BridgeRecipe(100, restoration=tmp_path)
    network = recipe.network()
    assert isinstance(network, BridgeNet)
    count = given["enter.weight"].shape[1]
    assert torch.equal(network.enter.weight[:, :count], given["enter.weight"])
    assert float(network.enter.weight[:, count:].detach().abs().max()) == 0
    make = RestoredPhotos(find_photos(photos)[0], 24)
    batch = recipe.collate([make(np.random.default_rng(k)) for k in (1, 2)], np.random.default_rng(4))
    losses = [one["total"] for one in learned(recipe, network, batch, 10)]
    assert losses[-1] < 0.95 * losses[0]
