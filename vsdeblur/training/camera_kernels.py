"""Samples of the recipe of the kernel prior: kernels of shaken cameras; no photographs are needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vsdeblur.blind.estimate.path import REACH
from vsdeblur.training.paths import apply
from vsdeblur.training.pool import Sample
from vsdeblur.training.shake import random_shake
from vsdeblur.training.shaken import kernels_at

TOGETHER = 32
_SIZE = 256  # pixels of the pictures along each side
_LEAST, _MOST = 1.0, 28.0  # pixels that a path extends over


@dataclass(frozen=True, slots=True)
class CameraKernels:
    """A ``Maker``: kernels (TOGETHER, n, n) float16, n = 2 REACH + 1, each summing to 1.

    Each is that of a random place of a picture by a camera that was shaken at random, its mean within half a pixel of
    the middle, as estimates are.
    """

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        return {"kernels": torch.stack([self._kernel(rng) for _ in range(TOGETHER)])}

    def _kernel(self, rng: np.random.Generator) -> torch.Tensor:
        path = random_shake(rng, (_SIZE, _SIZE), float(rng.uniform(_LEAST, _MOST)))
        place = rng.uniform(0, _SIZE - 1, (1, 2))
        way = apply(path, place) - place  # (T, 1, 2)
        way = way - way.mean(0) + rng.uniform(-0.5, 0.5, 2)
        wide = torch.from_numpy(kernels_at(way.swapaxes(0, 1)))[0]
        cut = wide.shape[-1] // 2 - REACH
        kernel = wide[cut:-cut, cut:-cut]
        return (kernel / kernel.sum()).half()
