"""Samples of the diffusion recipe: sharp pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from vsdeblur.training.clips import Frames
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import photo_crop

_TRIED = 4  # pieces of clips, of which the sharpest is kept: many frames are blurred by motion


@dataclass(frozen=True, slots=True)
class SharpPictures:
    """A ``Maker``: sharp (3, size, size) uint8, display values of a piece of a photograph or of a clip's frame.

    Args:
        material: Photographs and clips.
        size: Pixels per side.
    """

    material: Material
    size: int = 160

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        if self.material.real(rng):
            piece = max((self._piece(rng) for _ in range(_TRIED)), key=_sharpness)
        else:
            piece = photo_crop(rng, self.material.photos, self.size)
        return {"sharp": torch.from_numpy(np.ascontiguousarray(piece.transpose(2, 0, 1)))}

    def _piece(self, rng: np.random.Generator) -> Frames:
        """(size, size, 3) of any frame of any clip."""
        frames = self.material.clips[int(rng.integers(len(self.material.clips)))].frames
        y, x = (int(rng.integers(n - self.size + 1)) for n in frames.shape[1:3])
        return frames[int(rng.integers(len(frames))), y : y + self.size, x : x + self.size]


def _sharpness(piece: Frames) -> float:
    """The 99th percentile of the second differences: of edges, whatever share of the piece has any."""
    grey = cv2.cvtColor(np.ascontiguousarray(piece), cv2.COLOR_RGB2GRAY)
    return float(np.percentile(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), 99))
