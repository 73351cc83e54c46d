"""Samples of the recipes of motion: footage as filmed and its paths, and what DIS finds in the blurry frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.training.drawing import PATH_TAUS, DrawnFootage, true_paths
from vsdeblur.training.film import film
from vsdeblur.training.followed import followed
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample
from vsdeblur.window import Window

_FAST = 0.2  # share of the scenes whose first path is DIS at the fast preset
_QUARTERS = 4  # sub-frames per period of clips are a multiple of this: SHARP_TAUS are among them


@dataclass(frozen=True, slots=True)
class PathScenes:
    """A ``Maker`` of blurry frames, sharp instants and paths.

    Its samples: blurry, sharp, shutter (1,) as in ``Take``; paths (6, 2, H / 2, W / 2) float16 at PATH_TAUS, known
    (6, H / 2, W / 2) bool, seen (2, H / 2, W / 2) bool as in ``Followed``, known everywhere where scenes are drawn.

    Args:
        material: What scenes are made of.
        size: Pixels per side.
        device: Where scenes are drawn.
    """

    material: Material
    size: int = 192
    device: str = "cpu"

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        half, device = self.size // 2, torch.device(self.device)
        if self.material.real(rng):
            stretch = self.material.stretch(rng, self.size, multiple=_QUARTERS)
            take = film(stretch, rng, device)
            paths, known, seen = followed(stretch)
        else:
            scene = self.material.scene(rng, self.size)
            take = film(DrawnFootage(scene), rng, device)
            paths, seen = true_paths(scene)
            known = torch.ones(len(PATH_TAUS), half, half, dtype=torch.bool)
        pictures = {key: getattr(take, key).cpu().contiguous() for key in ("blurry", "sharp")}
        return pictures | {"paths": paths, "known": known, "seen": seen, "shutter": torch.tensor([take.shutter])}


@dataclass(frozen=True, slots=True)
class BlurryScenes:
    """A ``Maker`` of those of ``PathScenes`` with what DIS finds: base (4, H, W) path, hints (3, H, W) its reliability
    and occlusion, float16.

    Args:
        scenes: What they are.
    """

    scenes: PathScenes

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        return with_first_path(self.scenes(rng), "fast" if rng.random() < _FAST else "medium")


def with_first_path(sample: Sample, preset: str = "medium") -> Sample:
    """The sample with what DIS finds in its blurry frames."""
    engine = PairwiseMotion(DisFlow(preset), linear=False, camera=False)
    motion = engine(Window(sample["blurry"].float() / 255, 0, 0, 3), float(sample["shutter"][0]))
    hints = torch.cat((motion.reliability[1], motion.occlusion[1]))
    return sample | {"base": motion.path[1].half().contiguous(), "hints": hints.half().contiguous()}
