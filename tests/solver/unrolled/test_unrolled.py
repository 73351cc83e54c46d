"""The unrolled solver: the learned step, where it may act, and its recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from vsdeblur import restore
from vsdeblur.engine import solve_tiles
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.solve_tiles import LEARNED_RIDGE
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.settings import Options
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.solver.unrolled.stage import ProximalStep, load_proximal
from vsdeblur.training.drawing import DrawnFootage
from vsdeblur.training.film import film
from vsdeblur.training.material import Material
from vsdeblur.training.photos import find_photos
from vsdeblur.training.recipes.unrolled import UnrolledRecipe, augmented, reversed_in_time
from vsdeblur.training.scenes import random_scene
from vsdeblur.training.solved import SolvedScenes
from vsdeblur.window import Window

N, H, W = 3, 37, 50


def random_network() -> ProximalNet:
    """One that changes what it sees: the real one begins as the identity."""
    torch.manual_seed(0)
    network = ProximalNet()
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    return network


def given(channels: int = 3, gain: float = 1.0) -> tuple[Tensor, KeyFrameProblem, Tensor]:
    """Key frames, what they were solved from, and trust."""
    g = torch.Generator().manual_seed(1)
    keys, v = (gain * torch.rand(N, channels, H, W, generator=g) for _ in range(2))
    path, seen = torch.randn(N, 4, H, W, generator=g), torch.rand(N, 2, H, W, generator=g)
    return keys, KeyFrameProblem(v, path, seen, ((0.0,),) * N, (1.0,) * N), torch.rand(N, 1, H, W, generator=g)


def stepped(step: ProximalStep, channels: int = 3, colour: int = 3) -> tuple[Tensor, Tensor]:
    keys, problem, trust = given(channels)
    with torch.inference_mode():
        return keys, step(keys, problem, trust, (0.5,) * N, colour)


def test_a_new_network_changes_nothing() -> None:
    keys, out = stepped(ProximalStep(ProximalNet(), linear=False))
    torch.testing.assert_close(out, keys)


def test_motion_that_was_never_trained_on_is_left_to_the_solver() -> None:
    keys, problem, trust = given()
    step = ProximalStep(random_network(), linear=False)
    problem.path[:, 0, :, :25] = 80.0  # 40 pixels within the exposure
    with torch.inference_mode():
        changed = (step(keys, problem, trust, (0.5,) * N, 3) - keys).abs().amax((0, 1, 2))
    assert changed[:25].max() == 0
    assert changed[25:].min() > 1e-3


@pytest.mark.parametrize(("channels", "colour"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_any_size_and_number_of_channels_and_alpha_stays(channels: int, colour: int) -> None:
    keys, out = stepped(ProximalStep(random_network()), channels, colour)
    assert out.shape == keys.shape
    assert (out[:, :colour] - keys[:, :colour]).abs().max() > 1e-3
    assert torch.equal(out[:, colour:], keys[:, colour:])


def test_values_above_white_survive() -> None:
    keys, problem, trust = given(gain=5.0)
    with torch.inference_mode():
        out = ProximalStep(ProximalNet())(keys, problem, trust, (0.5,) * N, 3)
    torch.testing.assert_close(out, keys, rtol=1e-4, atol=1e-4)


def test_a_neighbour_that_is_not_seen_has_no_say() -> None:
    keys, problem, trust = given()
    step = ProximalStep(random_network(), linear=False)
    problem.occlusion.zero_()
    with torch.inference_mode():
        first = step(keys, problem, trust, (0.5,) * N, 3)
        keys[1] = 0.5
        second = step(keys, problem, trust, (0.5,) * N, 3)
    torch.testing.assert_close(first[[0, 2]], second[[0, 2]], rtol=0, atol=2e-5)


@pytest.mark.usefixtures("uncorrected")
def test_the_solver_is_chosen_by_name_and_by_file(tmp_path: Path) -> None:
    wide = F.interpolate(torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(2)), scale_factor=3.0)
    v = torch.cat([wide[..., 2 * k : 2 * k + 56] for k in range(3)])
    plain = restore(v, solver="keyframes")
    same, other = tmp_path / "same.safetensors", tmp_path / "other.safetensors"
    save_file(ProximalNet().state_dict(), same)
    save_file(random_network().state_dict(), other)
    torch.testing.assert_close(restore(v, solver=f"unrolled:{same}"), plain, rtol=0, atol=1e-5)
    assert (restore(v, solver=f"unrolled:{other}") - plain).abs().max() > 1e-4


def test_the_exposure_corrects_what_the_network_makes(tmp_path: Path) -> None:
    """Key frames come out nearer to those without the network, with one round and with two, however wrong it is."""
    wide = F.interpolate(torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(2)), scale_factor=3.0)
    v = torch.cat([wide[..., 2 * k : 2 * k + 56] for k in range(3)])
    save_file(random_network().state_dict(), tmp_path / "unrolled.safetensors")
    corrected, kept = {}, {}
    for preset in ("fast", "best"):
        options = Options(
            shutter=0.5,
            preset=preset,
            solver=f"unrolled:{tmp_path / 'unrolled.safetensors'}",
            transfer="linear",
            device="cpu",
        )
        for ridge, found in ((LEARNED_RIDGE, corrected), (1e7, kept)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(solve_tiles, "LEARNED_RIDGE", ridge)
                engine = Engine(options, *v.shape[-2:])
                found[preset] = engine.key_frames(Window(v, 0, 1, 1))[0][1]
    plain = Engine(replace(options, solver="keyframes"), *v.shape[-2:]).key_frames(Window(v, 0, 1, 1))[0][1]
    for preset in ("fast", "best"):
        wrong, better = (float((x[preset] - plain).square().mean()) for x in (kept, corrected))
        assert better < 0.8 * wrong


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for solver in ("magic", "unrolled:", "keyframes:somewhere"):
        with pytest.raises(ArgumentError, match="solver must be"):
            restore(torch.rand(2, 3, 16, 16), solver=solver)
    with pytest.raises(InputError, match="there is no such file"):
        load_proximal(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="not weights of vsdeblur train unrolled"):
        load_proximal(tmp_path / "a.safetensors")


def sample(size: int = 48) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(3)
    sharp = torch.rand(3, size, size, generator=g)
    pictures = torch.stack([sharp, sharp.roll(1, -1), sharp.roll(2, -1), sharp.roll(-2, -1)])
    fields = {
        "pictures": pictures,
        "path": torch.randn(4, size, size, generator=g),
        "hints": torch.rand(3, size, size, generator=g),
        "sharp": sharp,
    }
    return {key: value.half() for key, value in fields.items()} | {"shutter": torch.tensor([0.5])}


def test_augmentation_keeps_what_belongs_together() -> None:
    for seed in range(8):
        out = augmented(sample(), np.random.default_rng(seed))
        torch.testing.assert_close(out["pictures"][0], out["sharp"], rtol=0, atol=2e-3)
    back = reversed_in_time(reversed_in_time(sample()))
    assert all(torch.equal(back[key], value) for key, value in sample().items())


def test_the_recipe_learns() -> None:
    recipe = UnrolledRecipe()
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    one = sample()
    one["pictures"][0] = one["pictures"][1]
    batch = recipe.collate([one] * 2, np.random.default_rng(0))
    losses = []
    for step in range(12):
        loss, told = recipe.loss(network, batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(told["loss"])
    assert losses[-1] < 0.97 * losses[0]
    assert recipe.validate(network, [one])["gain"] > 0.1


def test_scenes_are_solved_for_it(photos: Path) -> None:
    make = SolvedScenes(Material(find_photos(photos)[0]), 48)
    made = [make(np.random.default_rng(seed)) for seed in range(2)]
    for one in made:
        assert one["pictures"].shape == (4, 3, 48, 48)
        assert one["sharp"].shape == (3, 48, 48)
        assert (one["pictures"][0] - one["sharp"]).abs().mean() < 0.2  # the same instant of the same scene
    assert all(torch.equal(made[0][key], value) for key, value in make(np.random.default_rng(0)).items())


def test_supersampled_scenes_are_the_mean_of_their_points(photos: Path) -> None:
    kept = find_photos(photos)[0]
    for seed in range(3):
        scene = random_scene(np.random.default_rng(seed), kept, 96)
        one, half = (film(DrawnFootage(scene, k), np.random.default_rng(seed)) for k in (1, 2))
        assert half.sharp.shape[-1] == 48
        small = F.interpolate(one.sharp.float(), scale_factor=0.5, mode="area")
        torch.testing.assert_close(half.sharp.float(), small, rtol=0, atol=3 if scene.gamma == 1 else 40)
