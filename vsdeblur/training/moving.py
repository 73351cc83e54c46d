"""Samples of the denoiser recipe: five sharp frames of scenes that move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vsdeblur.priors.video_net import FRAMES
from vsdeblur.training.degrade import stored
from vsdeblur.training.drawing import draw, reach
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample

_STILL = 0.15  # share of the photographs that do not move
_MOST = 6.0  # pixels of motion per frame


@dataclass(frozen=True, slots=True)
class MovingFrames:
    """A ``Maker``: sharp (5, 3, size, size) uint8, display values of successive frames, 0 to 6 pixels apart.

    Args:
        material: What scenes are made of.
        size: Pixels per side.
    """

    material: Material
    size: int = 160

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        times = np.arange(FRAMES, dtype=np.float64) - FRAMES // 2
        if self.material.real(rng):
            stretch = self.material.stretch(rng, self.size, FRAMES, motion=(0.1, _MOST))
            return {"sharp": stored(stretch.light(times, torch.device("cpu")), stretch.gamma)}
        scene = self.material.scene(rng, self.size)
        fastest = 0.0 if rng.random() < _STILL else rng.uniform(0, _MOST)
        step = min(fastest / max(reach(scene), 1e-3), 1.0)
        return {"sharp": stored(draw(scene, step * times, torch.device("cpu")), scene.gamma)}
