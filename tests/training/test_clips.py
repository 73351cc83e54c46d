"""Real clips as a source: what is kept of them, stretches of them as footage, and every video recipe on them."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.training.conftest import FRAMES
from vsdeblur.errors import InputError
from vsdeblur.training.blurry import BlurryScenes, PathScenes
from vsdeblur.training.clips import CELL, MIN_CLIP_SIDE, ClipFile, find_clips, measured
from vsdeblur.training.exposed import exposed
from vsdeblur.training.footage import exposures
from vsdeblur.training.instants import InstantScenes
from vsdeblur.training.material import Material
from vsdeblur.training.moving import MovingFrames
from vsdeblur.training.oversample import oversampled
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Maker
from vsdeblur.training.recipe import Recipe
from vsdeblur.training.recipes.denoiser import DenoiserRecipe
from vsdeblur.training.recipes.instants import InstantsRecipe
from vsdeblur.training.recipes.motion import MotionRecipe
from vsdeblur.training.recipes.paths import PathRecipe
from vsdeblur.training.recipes.unrolled import UnrolledRecipe
from vsdeblur.training.solved import SolvedScenes
from vsdeblur.training.stretches import Stretch, Wanted, random_stretch, sharpness

SIZE = 64
CPU = torch.device("cpu")


def panning(speed: float, count: int) -> np.ndarray:
    """(count, 96, 96, 3): a smooth texture that moves to the left."""
    x, y = np.meshgrid(np.arange(96.0), np.arange(96.0))
    waves = [np.sin(0.3 * (x + speed * k)) + np.sin(0.21 * y + 0.13 * (x + speed * k)) for k in range(count)]
    return np.rint(127 + 50 * np.stack(waves)).astype(np.uint8)[..., None].repeat(3, -1)


def test_clips_are_decoded_once_and_held_out(
    clip_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, held_out = find_clips(clip_folder, tmp_path)
    assert [clip.name for clip in held_out + kept] == ["one.mp4", "three.mp4", "two.mp4"]
    for name, why in (("short.mp4", "10 frames"), ("small.mp4", "96 pixels"), ("notes.txt", "")):
        assert any(name in line and why in line for line in caplog.messages)
    frames, speeds = kept[0].frames, kept[0].speeds
    assert frames.shape[0] == FRAMES
    assert MIN_CLIP_SIDE <= min(frames.shape[1:3]) < 208
    assert speeds.shape == (FRAMES - 1, frames.shape[1] // CELL, frames.shape[2] // CELL)
    monkeypatch.setattr("vsdeblur.filters.pyav.file.read.read_rgb", None)
    (again, _) = find_clips(clip_folder, tmp_path)
    assert again == kept


def test_too_few_clips_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find_clips(tmp_path / "none", tmp_path)
    with pytest.raises(InputError, match="at least 2"):
        find_clips(tmp_path, tmp_path)


def test_speeds_are_pixels_per_frame() -> None:
    found = measured(list(panning(1.5, 3)))
    assert found.shape == (2, 96 // CELL, 96 // CELL)
    assert np.median(found) == pytest.approx(1.5, abs=0.15)


def test_frames_between_lie_where_motion_says() -> None:
    sources, truth = panning(3.0, 4), panning(0.75, 13)
    found = oversampled(sources, 4, 0.9)
    assert found is not None
    assert (found[::4] == sources).all()
    inner = (slice(None), slice(16, -16), slice(16, -16))
    error = np.abs(found[inner].astype(float) - truth[inner])
    assert error.mean() < 2
    assert error.mean() < 0.25 * np.abs(found[inner].astype(float) - np.repeat(sources, 4, 0)[:13][inner]).mean()


def test_nothing_lies_between_frames_that_have_nothing_in_common() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)
    assert oversampled(frames, 2, 0.5) is None
    assert oversampled(frames, 1, 0.5) is frames


def counted(per: int, periods: int) -> Stretch:
    """A stretch whose sub-frame k is k everywhere, the one in the middle 100."""
    count = per * (periods + 1) + 1
    values = (100 + np.arange(count) - count // 2).astype(np.uint8)
    return Stretch(np.broadcast_to(values[:, None, None, None], (count, 2, 2, 3)), per, 1.0, 1.0, False)


@pytest.mark.parametrize("centred", [True, False])
def test_an_exposure_is_the_mean_of_its_sub_frames(centred: bool) -> None:
    stretch = counted(8, 3)
    counts = set()
    for seed in range(40):
        opening = stretch.opening(np.random.default_rng(seed), centred)
        counts.add(len(opening.at))
        assert opening.shutter == len(opening.at) / 8
        means = 255 * exposures(stretch, opening, (-1.0, 0.0, 1.0), CPU)[:, 0, 0, 0]
        shift = 0.0 if len(opening.at) % 2 else 0.5  # half a sub-frame, for instants as for exposures
        assert means.tolist() == pytest.approx([92 + shift, 100 + shift, 108 + shift], abs=1e-3)
        times = stretch.instants(np.array([-0.3, 0.0, 0.2]), opening)
        seen = 255 * stretch.light(times, CPU)[:, 0, 0, 0]
        assert (seen - 100 - shift).tolist() == pytest.approx((8 * times).tolist(), abs=1e-3)
        assert np.abs(times - [-0.3, 0.0, 0.2]).max() <= 0.5 / 8 + 1e-9
    assert counts == ({1, 3, 5, 7} if centred else set(range(1, 9)))


def test_stretches_move_by_what_is_wanted(clips: list[ClipFile]) -> None:
    lengths = []
    for motion, seed in itertools.product(((2.0, 3.0), (9.0, 10.0)), range(4)):
        wanted = Wanted(size=SIZE, periods=3, motion=motion, multiple=(1, 2, 4, 1)[seed])
        stretch = random_stretch(np.random.default_rng(seed), clips, wanted)
        assert stretch.per % wanted.multiple == 0
        assert len(stretch.frames) >= 3 * stretch.per + 2
        assert stretch.frames.shape[1:] == (SIZE, SIZE, 3)
        pair = stretch.frames[len(stretch.frames) // 2 :: stretch.per][:2]
        lengths.append(np.percentile(measured(list(pair)), 95))
    assert np.mean(lengths[:4]) < 0.5 * np.mean(lengths[4:])


@pytest.mark.parametrize(
    ("make", "recipe", "steps"),
    [
        (lambda material: BlurryScenes(PathScenes(material, SIZE)), MotionRecipe(10), (0, 9)),
        (lambda material: PathScenes(material, SIZE), PathRecipe(10), (0,)),
        (lambda material: SolvedScenes(material, 48), UnrolledRecipe(10), (0,)),
        (lambda material: InstantScenes(material, 48), InstantsRecipe(10), (0,)),
        (lambda material: MovingFrames(material, 96), DenoiserRecipe(10), (0,)),
    ],
)
def test_every_recipe_learns_from_clips(
    make: type[Maker], recipe: Recipe, steps: tuple[int, ...], clips: list[ClipFile]
) -> None:
    maker: Maker = make(Material((), clips))  # type: ignore[call-arg]
    sample = maker(np.random.default_rng(5))
    assert all(torch.equal(sample[key], value) for key, value in maker(np.random.default_rng(5)).items())
    network = recipe.network()
    for step in steps:
        batch = recipe.collate([sample], np.random.default_rng(0))
        loss, _ = recipe.loss(network, batch, step)
        network.zero_grad()
        loss.backward()
        assert any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


@pytest.mark.parametrize(("seed", "width"), [(0, 192), (1, 176), (3, 192)])  # never wider than the narrowest clip kept
def test_the_shutter_is_read_from_clips_too(seed: int, width: int, clips: list[ClipFile]) -> None:
    frames, shutter, _ = exposed(np.random.default_rng(seed), Material((), clips))
    assert frames.shape[:2] == (3, 3)
    assert frames.shape[-1] == width
    assert 0 < shutter <= 1


def test_soft_video_is_known_from_sharp() -> None:
    sharp = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    assert sharpness(sharp) > 8 > 4 > sharpness(soft)


def test_motion_that_no_clip_has_is_an_error(clips: list[ClipFile]) -> None:
    with pytest.raises(InputError, match="moves by 1 to 2 pixels"):
        random_stretch(np.random.default_rng(0), clips, Wanted(size=SIZE, periods=2 * FRAMES, motion=(1.0, 2.0)))


def test_scenes_of_both_are_mixed(photos: Path, clips: list[ClipFile]) -> None:
    maker = PathScenes(Material(find_photos(photos)[0], clips, 0.5), SIZE)
    known = [bool(maker(np.random.default_rng(k))["known"].all()) for k in range(8)]
    assert 0 < sum(known) < len(known)
