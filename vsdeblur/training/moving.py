"""Samples of the denoiser recipe: photographs that move, five sharp frames of each scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vsdeblur.priors.video_net import FRAMES
from vsdeblur.training.film import draw, reach, stored
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import random_scene

_STILL = 0.15  # share of the scenes in which nothing moves
_MOST = 6.0  # pixels of motion per frame


@dataclass(frozen=True, slots=True)
class MovingPhotos:
    """A ``Maker``: sharp (5, 3, size, size) uint8, display values of successive frames, 0 to 6 pixels apart."""

    photos: Sequence[Path]
    size: int = 160

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        scene = random_scene(rng, self.photos, self.size)
        fastest = 0.0 if rng.random() < _STILL else rng.uniform(0, _MOST)
        step = min(fastest / max(reach(scene), 1e-3), 1.0)
        times = np.arange(FRAMES, dtype=np.float64) - FRAMES // 2
        return {"sharp": stored(draw(scene, step * times, torch.device("cpu")), scene)}
