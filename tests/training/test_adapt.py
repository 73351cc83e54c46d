"""Learning from the clip itself: parts, samples, which layers learn, the judge, and the run as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vsdeblur import restore
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.training.adapt import INSTANTS, KEY_FRAMES, NETWORKS, PICTURES, parts, run
from vsdeblur.training.adapt.agreement import Exposures
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.networks import ADAPTABLE
from vsdeblur.training.adapt.parts import LENGTH, filmed_by, find_parts
from vsdeblur.training.adapt.reblurred import OwnStretch
from vsdeblur.training.adapt.recipe import FREE, AdaptRecipe
from vsdeblur.training.adapt.report import REPORT, reported
from vsdeblur.training.adapt.run import adapt, wins
from vsdeblur.training.recipes.unrolled import UnrolledRecipe
from vsdeblur.training.solved import CALM
from vsdeblur.weights import fill, load


@pytest.fixture(scope="module")
def blurry() -> np.ndarray:
    return film(Scene(96, 128), 2 * LENGTH + 2, 4, 1.0, lambda light: light)[1]


@pytest.fixture(scope="module")
def clip(blurry: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "clip.mp4"
    write_mp4(path, blurry, 30)
    return path


def test_new_weights_have_to_win() -> None:
    assert wins((0.05, 0.02, 0.03))
    assert wins((0.1, -0.01, 0.02))
    assert not wins((0.2, -0.01, -0.01))
    assert not wins((0.005, 0.005))
    assert not wins(())


def test_some_parts_are_held_out(clip: Path, tmp_path: Path) -> None:
    found = find_parts([clip, clip], tmp_path)
    assert [part.held_out for part in found] == [False, True] * 2
    assert found[1].blurry.shape == (LENGTH, 3, 96, 128)
    assert not torch.equal(found[0].blurry, found[1].blurry)
    assert not found[0].ready


def test_samples_have_the_noise_of_the_clip(blurry: np.ndarray, tmp_path: Path) -> None:
    shot, read = 6e-4, 4e-6
    light = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    noise = torch.randn(light.shape, generator=torch.Generator().manual_seed(0)) * (shot * light + read).sqrt()
    for name, frames in (("clean", light), ("noisy", light + noise)):
        part = parts.Part(tmp_path, name, False)
        part.write((frames.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy())
        camera = filmed_by([part], 0.5, "linear")
        how = camera.degradation
        assert camera.shutter == 0.5
        assert how.compressed == 0
        if name == "clean":
            assert how.clean == CALM.clean
        else:
            assert camera.noise.variance(torch.tensor([0.5])).item() == pytest.approx(shot * 0.5 + read, rel=0.3)
            assert how.clean == 0
            assert how.shot[0] < np.log(camera.noise.shot) < how.shot[1]


@pytest.mark.parametrize(("shutter", "per", "open_"), [(1.0, 8, 7), (0.5, 8, 3), (0.01, 8, 1), (0.6, 10, 5)])
def test_a_part_is_blurred_by_its_own_shutter(shutter: float, per: int, open_: int) -> None:
    stretch = OwnStretch(np.zeros((31, 8, 8, 3), np.uint8), per, 1.0, 1.0, True, shutter=shutter)
    opening = stretch.opening(np.random.default_rng(0), centred=True)
    assert len(opening.at) == open_
    assert opening.shutter == pytest.approx(open_ / per)
    assert opening.at.sum() == pytest.approx(0)


def test_the_last_layers_learn_and_are_held_back() -> None:
    recipe = AdaptRecipe(UnrolledRecipe(), 1)
    network = recipe.network()
    fill(network, "unrolled")
    free = {name.partition(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert free == set(FREE)
    batch = {
        "pictures": torch.rand(1, 4, 3, 16, 16),
        "path": torch.zeros(1, 4, 16, 16),
        "hints": torch.ones(1, 3, 16, 16),
        "sharp": torch.rand(1, 3, 16, 16),
        "shutter": torch.ones(1, 1),
    }
    loss, scalars = recipe.loss(network, batch, 0)
    assert scalars["drift"] == 0
    loss.backward()
    assert all((p.grad is not None) == p.requires_grad for p in network.parameters())
    with torch.no_grad():
        network.leave.weight += 0.1
    further, scalars = recipe.loss(network, batch, 0)
    assert scalars["drift"] > 0
    assert float(further.detach()) > float(loss.detach())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_layers_that_learn(name: str) -> None:
    recipe = AdaptRecipe(ADAPTABLE[name].recipe(), 1)
    free = {n.partition(".")[0] for n, p in recipe.network().named_parameters() if p.requires_grad}
    assert free == set(FREE)


@pytest.fixture(scope="module")
def held(blurry: np.ndarray) -> Exposures:
    return Exposures.of(torch.from_numpy(blurry[:3]).permute(0, 3, 1, 2).float() / 255, Camera(1.0, linear=False))


@pytest.mark.parametrize("name", NETWORKS)
def test_wrong_detail_disagrees_with_the_neighbours(name: str, held: Exposures) -> None:
    own, networks = ADAPTABLE[name], []
    recipe = own.recipe()
    for _ in range(2):
        network = recipe.network()
        fill(network, recipe.name)
        networks.append(network.eval())
    bundled, wrong = networks
    with torch.no_grad():
        wrong.leave.bias += torch.linspace(-1, 1, len(wrong.leave.bias))
    right = held.disagreement(own.restored(bundled, held, None))
    assert 0 < right < held.disagreement(own.restored(wrong, held, None))


def test_single_pictures_are_judged_by_a_few_in_the_middle() -> None:
    rows = torch.arange(300.0).view(1, 1, 300, 1).expand(8, 3, 300, 100)
    seen = ADAPTABLE[PICTURES].seen(rows)
    assert seen.shape == (4, 3, 192, 100)
    assert float(seen[0, 0, 0, 0]) == 54


def test_the_blur_of_pictures_is_that_of_the_motion() -> None:
    """A texture that moves by 12 pixels a period, half of which is open: six pixels along x, none along y."""
    small = np.random.default_rng(0).random((1, 3, 24, 40))
    wide = torch.nn.functional.interpolate(torch.from_numpy(small).float(), scale_factor=4.0, mode="bicubic")[0]
    wide = wide.clamp(0, 1)
    frames = [torch.stack([wide[..., 12 * n + k :][..., :96] for k in range(7)]).mean(0) for n in range(3)]
    exposures = Exposures.of(torch.stack(frames), Camera(0.5, linear=False))
    kernel = exposures.kernels(1, torch.tensor([[48, 48]]))[0]
    assert kernel.shape == (SPAN, SPAN)
    assert float(kernel.sum()) == pytest.approx(1)
    at = torch.arange(SPAN) - float(REACH)
    for axis, variance in ((0, 36 / 12), (1, 0.0)):
        along = kernel.sum(axis)
        middle = float((along * at).sum())
        assert middle == pytest.approx(0, abs=0.5)
        assert float((along * (at - middle).square()).sum()) == pytest.approx(variance, abs=0.8)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts of four frames, one sample a step."""
    monkeypatch.setattr(parts, "LENGTH", 6)
    monkeypatch.setattr(parts, "MOST", 2)
    monkeypatch.setattr(run, "_FIRST", 1)
    for own in ADAPTABLE.values():
        monkeypatch.setattr(own, "batch", 1)


def test_a_run_leaves_weights_that_can_be_used(
    clip: Path, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, said = tmp_path / "own", []
    settings = {"shutter": 1.0, "transfer": "linear"}
    found = adapt([clip], out, 0.02, **settings, say=lambda what, *_: said.append(what), stop=lambda: len(said) > 3)
    (own,) = found.networks
    assert own.network == KEY_FRAMES
    assert own.steps >= 1
    assert len(own.gains) == 1
    assert found.parts == 1
    names = ("reading", "restoring what is learned from", "learning, key-frames", "judging, key-frames")
    assert set(names) <= set(said)
    assert reported(out) == {KEY_FRAMES: own}
    stored = ProximalNet()
    fill(stored, "unrolled", out)
    same = torch.equal(stored.leave.weight, load("unrolled")["leave.weight"])
    assert same != own.kept
    v = torch.rand(2, 3, 32, 32)
    assert restore(v, 2, shutter=0.5, solver=f"unrolled:{out}").shape == (4, 3, 32, 32)
    with pytest.raises(ArgumentError, match="out must be a folder without a run, or resume given"):
        adapt([clip], out, 0.02, shutter=1.0)
    monkeypatch.setattr(run, "gain", lambda *_: 0.0)  # which takes as long as all else, and was seen above
    again = adapt([clip], out, 0.02, **settings, resume=True, stop=lambda: True)
    assert again.networks[0].steps == own.steps  # it goes on from there, and was stopped at once
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes() + b"x")
    with pytest.raises(InputError, match="a run of other clips"):
        adapt([other], out, 0.02, shutter=1.0, resume=True)
    with pytest.raises(ArgumentError, match="networks must be some of key-frames, instants, pictures"):
        adapt([clip], out, networks=["motion"], resume=True)


def test_each_network_is_kept_by_itself(
    clip: Path, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instants learn on the key frames that were kept; another network joins a run that was there."""
    out, settings = tmp_path / "own", {"shutter": 1.0, "transfer": "linear"}
    judged = []

    def gain(own: object, networks: object, blurry: object, camera: object, key_frames: object) -> float:
        name = next(name for name, one in ADAPTABLE.items() if one is own)
        judged.append((name, key_frames))
        return -0.2 if name == INSTANTS else 0.2

    monkeypatch.setattr(run, "gain", gain)
    found = adapt([clip], out, 0.02, networks=[KEY_FRAMES, INSTANTS], **settings)
    assert [(one.network, one.kept) for one in found.networks] == [(KEY_FRAMES, True), (INSTANTS, False)]
    assert all(one.steps >= 1 for one in found.networks)
    assert judged == [(KEY_FRAMES, None), (INSTANTS, out / "unrolled.safetensors")]
    network = ADAPTABLE[INSTANTS].recipe().network()
    fill(network, "instants", out)
    assert torch.equal(network.leave.weight, load("instants")["leave.weight"].float())

    adapt([clip], out, 0.02, networks=[PICTURES], resume=True, **settings)
    assert {name: one.kept for name, one in reported(out).items()} == {
        KEY_FRAMES: True,
        INSTANTS: False,
        PICTURES: True,
    }
    assert json.loads((out / REPORT).read_text())["clips"] == ["clip.mp4"]
    network = ADAPTABLE[PICTURES].recipe().network()
    fill(network, "restoration", out)
    assert not torch.equal(network.leave.weight, load("restoration")["leave.weight"].float())


def test_clips_that_cannot_be_learned_from_are_one_line(blurry: np.ndarray, tmp_path: Path) -> None:
    write_mp4(tmp_path / "short.mp4", blurry[:10], 30)
    write_mp4(tmp_path / "small.mp4", blurry[:, :64], 30)
    for name, message in (
        ("short.mp4", "it has 10 frames, at least 16 are needed to learn and to judge"),
        ("small.mp4", "its shorter side has 64 pixels, at least 96 are needed"),
        ("none.mp4", "there is no such file"),
    ):
        done = CliRunner().invoke(main, ["adapt", str(tmp_path / name), "--out", str(tmp_path / name[:4])])
        assert done.exit_code == 1, done.output
        assert message in done.output
        assert done.output.count("\n") <= 2
