"""Samples of the motion recipe: scenes as filmed, with what DIS finds in their blurry frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.training.film import Take, film
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import random_scene
from vsdeblur.window import Window

_FAST = 0.2  # share of the scenes whose first path is DIS at the fast preset
_FROM_CLIPS = 0.3  # share of the samples that come from clips, where there are any


@dataclass(frozen=True, slots=True)
class BlurryScenes:
    """A ``Maker``: the fields of ``Take``, shutter (1,), known (1,): 1 where the paths are, and what DIS finds:
    base (4, H, W) path, hints (3, H, W) its reliability and occlusion, float16.

    size: pixels per side. device: where scenes are rendered.
    """

    photos: Sequence[Path]
    size: int = 192
    clips: Sequence[Path] = ()
    device: str = "cpu"

    def __call__(self, rng: np.random.Generator) -> Sample:
        if self.clips and rng.random() < _FROM_CLIPS:
            from vsdeblur.training.clips import clip_sample

            return clip_sample(list(self.clips), rng, self.size)
        take = film(random_scene(rng, self.photos, self.size), rng, torch.device(self.device))
        return _sample(take, "fast" if rng.random() < _FAST else "medium")


def with_first_path(sample: Sample, preset: str = "medium") -> Sample:
    """The sample with what DIS finds in its blurry frames."""
    engine = PairwiseMotion(DisFlow(preset), linear=False, camera=False)
    motion = engine(Window(sample["blurry"].float() / 255, 0, 0, 3), float(sample["shutter"][0]))
    hints = torch.cat((motion.reliability[1], motion.occlusion[1]))
    return sample | {"base": motion.path[1].half().contiguous(), "hints": hints.half().contiguous()}


def _sample(take: Take, preset: str) -> Sample:
    fields = {key: getattr(take, key).cpu().contiguous() for key in ("blurry", "sharp", "paths", "seen")}
    told = {"shutter": torch.tensor([take.shutter]), "known": torch.ones(1)}
    return with_first_path(fields | told, preset)
