"""Synthetic scenes with true motion, and the loop that trains on them: tiny pictures, few steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.warp import warp
from vsdeblur.training.augment import augmented
from vsdeblur.training.blurry import BlurryScenes, PathScenes
from vsdeblur.training.checkpoint import CHECKPOINT, load_state
from vsdeblur.training.drawing import PATH_TAUS, DrawnFootage, _draw_by_torch, draw, reach, true_paths
from vsdeblur.training.film import SHARP_TAUS, film
from vsdeblur.training.loop import Course, judge, train
from vsdeblur.training.material import Material
from vsdeblur.training.path_errors import instant_error, path_error
from vsdeblur.training.paths import FIRST, LAST, random_spline
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool
from vsdeblur.training.recipes import motion
from vsdeblur.training.recipes.motion import MotionRecipe
from vsdeblur.training.scenes import random_scene
from vsdeblur.training.source import GrowingPool
from vsdeblur.weights import fill

pytestmark = pytest.mark.quick

SIZE = 64


@pytest.fixture(scope="module")
def pool(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool(tmp_path_factory.mktemp("scenes"), BlurryScenes(PathScenes(Material(find_photos(photos)[0]), SIZE)), 3)


def test_unusable_photographs_are_named(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept, held_out = find_photos(photos)
    assert len(kept) == 5
    assert len(held_out) == 1
    assert not set(kept) & set(held_out)
    for name, why in (("broken.jpg", "decoded"), ("tiny.png", "40x40"), ("grey.png", "grey")):
        assert any(name in line and why in line for line in caplog.messages)


def test_too_few_photographs_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 3"):
        find_photos(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_photos(tmp_path / "nowhere")


def test_a_steady_path_is_a_straight_line() -> None:
    path = random_spline(np.random.default_rng(1), np.array([3.0, 1.0]), 0.0)
    values = path(np.linspace(FIRST, LAST, 9))
    assert np.diff(values, 2, axis=0) == pytest.approx(0, abs=1e-9)
    assert np.abs(np.diff(values, axis=0)).max() > 0


def test_the_true_path_leads_to_where_things_are(photos: Path) -> None:
    """Along the true path the key frame is found again half a period later; without it, or reversed, it is not."""
    kept, _ = find_photos(photos)
    errors = []
    for k in range(6):
        rng = np.random.default_rng((5, k))
        scene = random_scene(rng, kept, SIZE)
        take, (paths, _) = film(DrawnFootage(scene), rng), true_paths(scene)
        ahead, back = (paths[PATH_TAUS.index(tau)].float() for tau in (1.0, -1.0))
        path = torch.cat(((ahead - back) / 2, ahead + back))[None]
        path = torch.nn.functional.interpolate(path, scale_factor=2.0, mode="bilinear")
        key, later = (take.sharp[SHARP_TAUS.index(tau)][None].float() for tau in (0.0, 0.5))
        way = displacement(path, 0.5)
        errors.append([float((warp(later, f * way) - key).abs().median()) for f in (1.0, 0.0, -1.0)])
    right, none, wrong = np.mean(errors, 0)
    assert right < 0.5 * none < 0.5 * wrong


def test_scenes_move_as_fast_as_is_wanted(photos: Path) -> None:
    kept, _ = find_photos(photos)
    ways = {
        fastest: [reach(random_scene(np.random.default_rng((3, k)), kept, SIZE, fastest)) for k in range(12)]
        for fastest in (20.0, 48.0)
    }
    assert np.mean(ways[48.0]) > 1.5 * np.mean(ways[20.0])


def test_the_error_of_a_coarse_path_is_that_of_the_fine_one() -> None:
    path = torch.tensor([3.0, -2.0, 0.5, 1.0])[None, :, None, None]
    truth = torch.zeros(1, len(PATH_TAUS), 2, 16, 16)
    coarse, fine = (path_error(path.expand(1, 4, size, size), truth) for size in (8, 32))
    assert torch.allclose(coarse, fine)
    assert float(fine[0, PATH_TAUS.index(1.0), 0, 0]) == pytest.approx(np.hypot(3.25, -1.5), abs=1e-3)


def test_both_ways_of_drawing_agree(photos: Path) -> None:
    rng = np.random.default_rng(2)
    scene = random_scene(rng, find_photos(photos)[0], SIZE)
    times = np.array([-0.7, 0.0, 0.4])
    one, other = (way(scene, times, torch.device("cpu")) for way in (draw, _draw_by_torch))
    assert (one - other).abs().mean() < 0.01
    assert (one - one.mean((-1, -2), keepdim=True)).abs().mean() > 0.03


def test_a_scene_depends_on_its_number_alone(pool: Pool, tmp_path: Path) -> None:
    again = Pool(tmp_path, pool.make, pool.seed)
    first, second = pool[4], again[4]
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["blurry"], pool[5]["blurry"])


def test_augmentation_keeps_errors(pool: Pool) -> None:
    """However a sample is turned, the first path is as wrong, and explains the instants as badly, as before."""
    recipe = MotionRecipe()
    wanted = _wrong(pool[1])
    seen = set()
    for k in range(12):
        batch = recipe.collate([pool[1]], np.random.default_rng(k))
        assert float(path_error(batch["base"].float(), batch["paths"].float()).mean()) == pytest.approx(
            wanted, rel=0.02
        )
        turned = instant_error(batch["base"].float(), batch["sharp"])
        assert turned < instant_error(-batch["base"].float(), batch["sharp"])
        seen.add(augmented(pool[1], np.random.default_rng(k))["paths"].float().sum(0).sum().item())
    assert len(seen) > 3


def _wrong(sample: dict[str, torch.Tensor]) -> float:
    """How far the first path is from the truth, pixels."""
    return float(path_error(sample["base"][None].float(), sample["paths"][None].float()).mean())


def _source(pool: Pool) -> GrowingPool:
    return GrowingPool(pool, MotionRecipe.batch, first=4, limit=6)


def test_an_interrupted_run_ends_like_a_whole_one(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MotionRecipe, "batch", 2)
    monkeypatch.setattr(motion, "WARM_UP", 2)
    recipe, source = MotionRecipe(), _source(pool)

    def run(out: Path, steps: int, resume: bool) -> None:
        train(recipe, source, out, Course(60, 7, "cpu", steps, log_every=1, half_precision=False), resume)

    run(tmp_path / "whole", 4, False)
    run(tmp_path / "pieces", 2, False)
    run(tmp_path / "pieces", 4, True)
    whole, pieces = (load_state(recipe, 7, tmp_path / name) for name in ("whole", "pieces"))
    assert whole.step == pieces.step == 4
    for module in ("network", "smooth"):
        for a, b in zip(getattr(whole, module).parameters(), getattr(pieces, module).parameters(), strict=True):
            assert torch.equal(a, b)
    assert any(bool(p.ne(q).any()) for p, q in zip(whole.network.parameters(), whole.smooth.parameters(), strict=True))
    entries = [json.loads(line) for line in (tmp_path / "pieces" / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in entries if "loss" in e] == [1, 2, 3, 4]
    assert (tmp_path / "pieces" / "log.png").stat().st_size > 1000


def test_the_result_is_judged_on_scenes_held_out(pool: Pool, tmp_path: Path) -> None:
    recipe = MotionRecipe()
    state = train(recipe, _source(pool), tmp_path, Course(60, 1, steps=1, half_precision=False))
    scores = judge(recipe, state, [pool[20]], tmp_path)
    # One step of warming up leaves the first path nearly as it is.
    assert scores["held_epe"] == pytest.approx(scores["held_epe_base"], rel=0.5, abs=0.1)
    assert scores["held_gain"] == pytest.approx(scores["held_gain_base"], abs=1)
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["held_epe"] > 0


def test_a_run_is_not_mistaken_for_another(pool: Pool, tmp_path: Path) -> None:
    recipe, source = MotionRecipe(), _source(pool)
    with pytest.raises(InputError, match="nothing to resume"):
        train(recipe, source, tmp_path, Course(1), resume=True)
    train(recipe, source, tmp_path, Course(60, 1, steps=1))
    with pytest.raises(ArgumentError, match="--resume"):
        train(recipe, source, tmp_path, Course(1, 1))
    with pytest.raises(InputError, match="seed 1"):
        train(recipe, source, tmp_path, Course(1, 2), resume=True)
    (tmp_path / CHECKPOINT).write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match="not a checkpoint"):
        train(recipe, source, tmp_path, Course(1, 1), resume=True)


@pytest.mark.parametrize("step", [0, 9])
def test_a_few_steps_lessen_the_loss(pool: Pool, step: int) -> None:
    recipe = MotionRecipe(10)
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = torch.optim.AdamW(network.parameters(), 5e-4)
    batch = recipe.collate([max((pool[k] for k in range(8)), key=_wrong)], np.random.default_rng(0))
    losses = []
    for _ in range(20):
        loss, scalars = recipe.loss(network, batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(scalars["loss"])
    assert losses[-1] < losses[0] - 0.05 * abs(losses[0])


def test_a_run_starts_from_weights(pool: Pool, tmp_path: Path) -> None:
    """From the released ones or another run's: at a rate of nothing they stay as they are."""
    recipe = MotionRecipe(peak=1e-12)

    def first(out: str, start_from: str) -> nn.Module:
        return train(recipe, _source(pool), tmp_path / out, Course(60, steps=1, start_from=start_from)).network

    released = recipe.network()
    fill(released, "motion")
    for out, start_from in (("a", "project"), ("b", str(tmp_path / "a"))):
        for found, wanted in zip(first(out, start_from).parameters(), released.parameters(), strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="no such file"):
        first("c", str(tmp_path / "nowhere"))


def test_the_command_refuses_what_it_cannot_do(photos: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder = str(photos)
    for arguments, text in (
        (["--photos", str(tmp_path / "none"), "--out", str(tmp_path / "a")], "no such folder"),
        (["--photos", folder, "--out", str(tmp_path / "x" / "y")], "no such folder"),
        (["--photos", folder, "--out", str(tmp_path / "a"), "--minutes", "0"], "minutes"),
        (["--photos", folder, "--out", str(tmp_path / "a"), "--device", "tpu"], "tpu"),
        (["--out", str(tmp_path / "a")], "--clips a folder"),
        (["--clips", str(tmp_path / "none"), "--out", str(tmp_path / "a")], "no such folder"),
    ):
        result = run(main, ["train", "motion", *arguments])
        assert result.exit_code != 0
        assert text in result.output
        assert "Traceback" not in result.output
