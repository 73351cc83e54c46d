"""A step of every recipe on the simulated device: what it mixes there, it would not learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch._dynamo  # noqa: F401  # optimisers load it late, and it looks at the machine

from tests.support.cuda import simulated
from vsdeblur.training.blurry import BlurryScenes, PathScenes
from vsdeblur.training.exposed import ExposedScenes
from vsdeblur.training.instants import InstantScenes
from vsdeblur.training.local import LocalPhotos
from vsdeblur.training.loop import Course, judge, train
from vsdeblur.training.material import Material
from vsdeblur.training.moving import MovingFrames
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Maker, Sample
from vsdeblur.training.recipe import Recipe
from vsdeblur.training.recipes.bridge import BridgeRecipe
from vsdeblur.training.recipes.denoiser import DenoiserRecipe
from vsdeblur.training.recipes.diffusion import DiffusionRecipe
from vsdeblur.training.recipes.instants import InstantsRecipe
from vsdeblur.training.recipes.joint import JointRecipe
from vsdeblur.training.recipes.kernels import KernelsRecipe
from vsdeblur.training.recipes.local import LocalRecipe
from vsdeblur.training.recipes.motion import MotionRecipe
from vsdeblur.training.recipes.paths import PathRecipe
from vsdeblur.training.recipes.restoration import RestorationRecipe
from vsdeblur.training.recipes.shutter import ShutterRecipe
from vsdeblur.training.recipes.unrolled import UnrolledRecipe
from vsdeblur.training.restored import RestoredPhotos
from vsdeblur.training.shaken import ShakenPhotos
from vsdeblur.training.sharp import SharpPictures
from vsdeblur.training.solved import SolvedScenes

RECIPES: dict[str, tuple[Recipe, Callable[[Material], Maker]]] = {
    "motion": (MotionRecipe(), lambda material: BlurryScenes(PathScenes(material, 64))),
    "paths": (PathRecipe(10), lambda material: PathScenes(material, 64)),
    "denoiser": (DenoiserRecipe(10), lambda material: MovingFrames(material, 96)),
    "unrolled": (UnrolledRecipe(10), lambda material: SolvedScenes(material, 48)),
    "instants": (InstantsRecipe(10), lambda material: InstantScenes(material, 48)),
    "kernels": (KernelsRecipe(10), lambda material: ShakenPhotos(material.photos, 48)),
    "restoration": (RestorationRecipe(10), lambda material: ShakenPhotos(material.photos, 48)),
    "bridge": (BridgeRecipe(10), lambda material: RestoredPhotos(material.photos, 32)),
    "joint": (JointRecipe(10), lambda material: ShakenPhotos(material.photos, 48)),
    "diffusion": (DiffusionRecipe(10), lambda material: SharpPictures(material, 48)),
    "local": (LocalRecipe(10), lambda material: LocalPhotos(material.photos, 48)),
    "shutter": (ShutterRecipe(10), lambda material: ExposedScenes(material)),
}


class Same:
    """One sample for every number."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def available(self, step: int) -> int:
        return 1

    def __getitem__(self, number: int) -> Sample:
        return self.sample


@pytest.mark.parametrize(("recipe", "maker"), RECIPES.values(), ids=RECIPES)
def test_a_step_and_a_judgement(
    recipe: Recipe, maker: Callable[[Material], Maker], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = maker(Material(find_photos(photos)[0]))(np.random.default_rng(5))
    monkeypatch.setattr(recipe, "batch", 2, raising=False)
    with simulated() as device:
        state = train(recipe, Same(sample), tmp_path / "run", Course(10, device="cuda", steps=1))
        assert not device.doubles, "float64 is slow there"
        scores = judge(recipe, state, 2 * [sample], tmp_path / "run")
        assert all(p.device == device.device for p in state.network.parameters())
    assert state.step == 1
    assert scores
