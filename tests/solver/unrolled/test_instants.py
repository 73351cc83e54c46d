"""The learned step at rendered instants: what it sees, that it is held to the exposures, and its recipe."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.support.solved import rendered, residual_of, solved_window
from vsdeblur import restore
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import InputError
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import Options
from vsdeblur.solver.render.geometry import row_groups
from vsdeblur.solver.render.limits import limited
from vsdeblur.solver.render.refined import CELL, HELD, HINTS, InstantFeatures, RefinedInstants, instant_features
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.solver.unrolled import choose
from vsdeblur.solver.unrolled.choose import uses_instant_step, uses_key_frame_step
from vsdeblur.solver.unrolled.instant_net import InstantNet
from vsdeblur.solver.unrolled.instants import InstantStep, load_instants
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.training.instants import GROUPS, LOOSE, OPEN, InstantScenes
from vsdeblur.training.material import Material
from vsdeblur.training.photos import find_photos
from vsdeblur.training.recipes.instants import InstantsRecipe, augmented, reversed_in_time
from vsdeblur.window import Window

N, H, W, SHUTTER = 3, 37, 50, 0.6


def random_network() -> InstantNet:
    """One that changes what it sees: the real one begins by changing nothing."""
    torch.manual_seed(0)
    network = InstantNet()
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    return network


def unrelated_window(speed: float = 6.0, channels: int = 3) -> SolvedWindow:
    """Key frames and exposures that have little to do with each other, moving along curves."""
    g = torch.Generator().manual_seed(1)
    keys, frames = (torch.rand(N, channels, H, W, generator=g) for _ in range(2))
    path = speed * torch.randn(N, 4, 1, 1, generator=g).expand(-1, -1, H, W)
    seen_there, trust = torch.rand(N, 2, H, W, generator=g), torch.rand(N, 1, H, W, generator=g)
    taus = (tuple((q + 0.5) / HELD * SHUTTER - SHUTTER / 2 for q in range(HELD)),) * N
    motion = Motion(path, trust, seen_there)
    return solved_window(keys, frames, motion, SHUTTER, taus=taus, band=16)


def refined(given: SolvedWindow, network: InstantNet) -> RefinedInstants:
    return RefinedInstants(given, InstantStep(network, linear=False), 1.0, lru_cache(residual_of(given)))


def features(given: SolvedWindow, t: float) -> InstantFeatures:
    return instant_features(given, row_groups(given, t), residual_of(given))


def test_a_new_network_changes_nothing() -> None:
    given = unrelated_window()
    ours = refined(given, InstantNet())
    for t in (0.9, 1.3, 1.8):
        assert torch.equal(ours.instant(t, ours.excess), rendered(given, t))


@pytest.mark.parametrize(("trust", "least", "most"), [(0.0, 0.0, 0.8), (1.0, 1.2, 2.0)])
def test_pictures_are_weighted_smoothly_where_the_motion_is_wrong(trust: float, least: float, most: float) -> None:
    """Where all pictures are even, weights that differ from pixel to pixel show as a lattice of cells."""
    torch.manual_seed(0)
    network = InstantNet()
    torch.nn.init.normal_(network.leave.weight)
    own = 3 * CELL * CELL
    with torch.no_grad():
        network.leave.weight[:own] = 0
    pictures = torch.tensor([0.5, 0.9, 0.1, 0.8, 0.3]).view(1, 5, 1, 1, 1).expand(1, 5, 3, 32, 48)
    hints = torch.randn(1, HINTS, 8, 12)
    hints[:, 4:8], hints[:, 8] = trust, 0.5  # between the key frames
    change = network(pictures, hints)
    steps = torch.cat((change.diff(dim=2).flatten(), change.diff(dim=3).flatten())).abs()
    assert least < steps.mean() / change.abs().mean() < most


def test_folded_weights_give_what_the_network_gives() -> None:
    network, g = random_network(), torch.Generator().manual_seed(2)
    pictures, hints = torch.rand(1, 5, 3, 32, 48, generator=g), torch.rand(1, HINTS, 8, 12, generator=g)
    hints[:, 8] = torch.rand(1, 8, 1, generator=g)  # each row at an instant of its own
    with torch.inference_mode():
        expected, found = network(pictures, hints), network.folded(pictures.flatten(1, 2), hints)
    assert expected.abs().mean() > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_exposures_agree_with_the_data_as_they_did_before() -> None:
    """However much it changes the instants, it leaves the mean of an exposure as it was."""
    given = unrelated_window()
    ours = refined(given, random_network())
    excess = lru_cache(ours.excess)
    times = [1 + SHUTTER / 2 + tau for tau in given.taus[1]]
    before, after = ([f(t) for t in times] for f in (lambda t: rendered(given, t), lambda t: ours.instant(t, excess)))
    assert min(float((x - y).abs().mean()) for x, y in zip(before, after, strict=True)) > 1e-3
    torch.testing.assert_close(sum(after), sum(before), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_frames_do_not_depend_on_what_was_asked_before() -> None:
    ours = refined(unrelated_window(), random_network())
    excess = lru_cache(maxsize=1)(ours.excess)
    times = (0.2, 0.8, 1.1, 1.9)
    there = [ours.instant(t, excess) for t in times]
    back = [ours.instant(t, ours.excess) for t in reversed(times)]
    assert all(torch.equal(x, y) for x, y in zip(there, reversed(back), strict=True))


@torch.inference_mode()
def test_what_stands_still_is_not_touched() -> None:
    given = unrelated_window(speed=0.0)
    ours = refined(given, random_network())
    for t in (1.2, 1.8):
        assert torch.equal(ours.instant(t, ours.excess), given.frames[1])


@torch.inference_mode()
def test_a_film_run_backwards_is_known_as_such() -> None:
    """What the network is trained with as the other direction of time is what it would see there."""
    given = unrelated_window()
    path = given.motion.path * torch.tensor([-1.0, -1.0, 1.0, 1.0]).view(4, 1, 1)
    motion = Motion(path.flip(0), given.motion.reliability.flip(0), given.motion.occlusion.flip(0, 1))
    back = replace(given, keys=given.keys.flip(0), frames=given.frames.flip(0), motion=motion)
    for t in (0.75, 1.1, 1.45):
        there = features(given, t)
        expected = reversed_in_time({"pictures": torch.stack(there.pictures)[None], "hints": there.hints})
        found = features(back, N - 1 + SHUTTER - t)
        torch.testing.assert_close(torch.stack(found.pictures)[None], expected["pictures"], rtol=0, atol=1e-4)
        torch.testing.assert_close(found.hints, expected["hints"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_hints_follow_the_motion_at_any_resolution(scale: int) -> None:
    size = -(-H // scale), -(-W // scale)
    motion = Motion(torch.ones(2, 4, *size), torch.ones(2, 1, *size), torch.ones(2, 2, *size))
    frames = torch.rand(2, 3, H, W)
    given = solved_window(frames, frames, motion, 0.5, band=64)
    assert given.scale == scale
    hints = features(given, 0.75).hints
    assert hints.shape == (1, HINTS, -(-H // CELL), -(-W // CELL))
    assert (hints[:, 4:8] > 0.99).all()


@torch.inference_mode()
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels_and_alpha_stays(channels: int) -> None:
    given = unrelated_window(channels=channels)
    ours = refined(given, random_network())
    before, after = rendered(given, 1.3), ours.instant(1.3, ours.excess)
    assert (after[: given.colour] - before[: given.colour]).abs().mean() > 1e-3
    assert torch.equal(after[given.colour :], before[given.colour :])


@torch.inference_mode()
def test_tiles_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile's own borders lie where the next one counts; the picture's are filled up to whole cells differently."""
    noise = torch.rand(6, 3, 20, 24, generator=torch.Generator().manual_seed(3))
    apart = torch.nn.functional.interpolate(noise, scale_factor=10.0, mode="bicubic")
    pictures = list(apart[:1] + 0.1 * (apart[1:] - 0.5))  # of one thing
    step, hints = load_instants(linear=False), torch.full((1, HINTS, 50, 60), 0.5)
    whole = step(pictures, hints)
    monkeypatch.setattr("vsdeblur.solver.unrolled.instants.TILE", 112)
    apart = (step(pictures, hints) - whole)[:, :-24, :-24].abs()
    assert apart.mean() < 0.02 * whole.abs().mean()
    assert apart.max() < 2 / 255


def test_light_is_shown_by_its_root() -> None:
    """The same change of what is shown, whatever the values stand for; light above white survives."""
    step, other = InstantStep(random_network(), linear=True), InstantStep(random_network(), linear=False)
    roots, hints = torch.rand(5, 3, 32, 32), torch.rand(1, HINTS, 1, 1).expand(-1, -1, 8, 8)
    with torch.inference_mode():
        light = step(list(roots.square()), hints)
        shown = other(list(roots), hints)
    torch.testing.assert_close(light, (roots[0] + shown).square() - roots[0].square(), rtol=0, atol=1e-5)


def moving_clip() -> Tensor:
    wide = (
        torch.rand(1, 3, 12, 24, generator=torch.Generator().manual_seed(2))
        .repeat_interleave(4, -1)
        .repeat_interleave(4, -2)
    )
    return torch.cat([wide[..., 3 * k : 3 * k + 48] for k in range(3)])


@pytest.fixture
def disagreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sub-frames are not made to agree, whoever composed them."""
    monkeypatch.setattr("vsdeblur.engine.plan.uses_consistency", lambda _: False)


@pytest.mark.usefixtures("disagreeing")
@pytest.mark.usefixtures("uncorrected")
def test_both_networks_may_be_ones_own(tmp_path: Path) -> None:
    v = moving_clip()
    save_file(ProximalNet().state_dict(), tmp_path / "unrolled.safetensors")
    save_file(InstantNet().state_dict(), tmp_path / "instants.safetensors")
    plain = restore(v, 2, solver="keyframes")
    torch.testing.assert_close(restore(v, 2, solver=f"unrolled:{tmp_path}"), plain, rtol=0, atol=1e-5)
    save_file(random_network().state_dict(), tmp_path / "instants.safetensors")
    assert (restore(v, 2, solver=f"unrolled:{tmp_path}") - plain).abs().max() > 1e-3
    with pytest.raises(InputError, match="not weights of vsdeblur train instants"):
        load_instants(tmp_path / "unrolled.safetensors")


@pytest.mark.usefixtures("disagreeing", "uncorrected")
def test_rolling_rows_and_noise_and_lights_take_it(tmp_path: Path) -> None:
    """Where rows see different exposures all of it is still finite and in place; noisy frames are left alone."""
    v = moving_clip()
    save_file(InstantNet().state_dict(), tmp_path / "instants.safetensors")
    save_file(ProximalNet().state_dict(), tmp_path / "unrolled.safetensors")
    rolled = restore(v, 2, solver=f"unrolled:{tmp_path}", readout=0.5, shutter=0.5)
    torch.testing.assert_close(rolled, restore(v, 2, solver="keyframes", readout=0.5, shutter=0.5), rtol=0, atol=1e-5)
    save_file(random_network().state_dict(), tmp_path / "instants.safetensors")
    assert restore(v, 2, solver=f"unrolled:{tmp_path}", readout=0.5, shutter=0.5).isfinite().all()
    noisy = v + 0.1 * torch.randn(v.shape, generator=torch.Generator().manual_seed(4))
    left = restore(noisy, 2, solver=f"unrolled:{tmp_path}")
    torch.testing.assert_close(left, restore(noisy, 2, solver="keyframes"), rtol=0, atol=1e-5)


def test_the_preset_does_without_missing_weights_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    best = Options(preset="best")
    assert uses_instant_step(best)
    assert not uses_instant_step(Options(preset="fast"))
    assert uses_instant_step(Options(preset="fast", solver="unrolled"))
    assert not uses_instant_step(Options(preset="best", solver="keyframes"))
    monkeypatch.setattr("vsdeblur.weights.available", lambda name: name != "instants")
    choose._say_missing.cache_clear()
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        assert not uses_instant_step(best)
        assert not uses_instant_step(best)
    assert uses_key_frame_step(best)
    assert [record.message for record in caplog.records] == [
        'no weights "instants" in this installation: the learned step that needs them is left out'
    ]


@pytest.mark.usefixtures("disagreeing")
def test_the_plan_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(preset="best", factor=Fraction(8), max_memory=6 * 2**30)
    monkeypatch.setattr("vsdeblur.engine.plan._TILES", (128,))
    frame = 3 * 2160 * 3840 * 4
    with_it = make_plan(options, 2160, 3840, 3, 0).peak_bytes
    monkeypatch.setattr("vsdeblur.engine.footprints.uses_instant_step", lambda _: False)
    assert with_it > make_plan(options, 2160, 3840, 3, 0).peak_bytes + 2 * frame


def sample(size: int = 48) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(3)
    count = GROUPS * (OPEN + LOOSE)
    sharp = torch.rand(count, 3, size, size, generator=g)
    pictures = torch.stack([sharp, sharp.roll(1, -1), sharp.roll(-1, -1), sharp.roll(2, -1), sharp.roll(-2, -1)], 1)
    hints = torch.rand(count, HINTS, size // CELL, size // CELL, generator=g)
    return {key: x.half() for key, x in (("pictures", pictures), ("hints", hints), ("sharp", sharp))}


def test_augmentation_keeps_what_belongs_together() -> None:
    for seed in range(8):
        out = augmented(sample(), np.random.default_rng(seed))
        assert len(out["sharp"]) == OPEN + LOOSE
        torch.testing.assert_close(out["pictures"][:, 0], out["sharp"], rtol=0, atol=2e-3)
    back = reversed_in_time(reversed_in_time(sample()))
    for key, value in sample().items():
        torch.testing.assert_close(back[key], value, rtol=0, atol=1e-3)


def test_the_recipe_learns() -> None:
    """The instants as composed lie a pixel off, and a key frame does not."""
    recipe = InstantsRecipe()
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    one = sample()
    one["pictures"][:, 0], one["pictures"][:, 1] = one["pictures"][:, 1].clone(), one["sharp"]
    batch = recipe.collate([one], np.random.default_rng(0))
    losses = []
    for step in range(12):
        loss, told = recipe.loss(network, batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(told["loss"])
    assert losses[-1] < 0.97 * losses[0]
    assert recipe.validate(recipe.network(), [one]) == {"gain": 0.0, "gain_worst": 0.0}


def test_scenes_are_rendered_for_it(photos: Path) -> None:
    make = InstantScenes(Material(find_photos(photos)[0]), 48)
    one = make(np.random.default_rng(3))
    count = GROUPS * (OPEN + LOOSE)
    assert one["pictures"].shape == (count, 5, 3, 48, 48)
    assert one["hints"].shape == (count, HINTS, 48 // CELL, 48 // CELL)
    assert (one["pictures"][:, 0] - one["sharp"]).abs().mean() < 0.2  # the same instant of the same scene
    assert all(torch.equal(one[key], value) for key, value in make(np.random.default_rng(3)).items())


def test_a_scene_is_what_instants_are_rendered_from() -> None:
    engine = Engine(Options(solver="keyframes", preset="fast"), 48, 48)
    v = moving_clip()
    found = engine.solve(Window(v, 0, 1, 1))
    assert len(found.keys) == 3
    expected = next(engine.restore(Window(v, 0, 1, 1), [1.25]))
    torch.testing.assert_close(limited(found, linear=True)(rendered(found, 1.25), 1.25), expected)
