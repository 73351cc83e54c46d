"""Drawn pictures with edges of every direction."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def blocks(height: int, width: int, seed: int = 0) -> Tensor:
    """(1, 1, height, width) in [0, 1]: overlapping bars of different brightness, at any angle."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = np.full((height, width), 0.4)
    for _ in range(60):
        cy, cx, r = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 12)
        angle = rng.uniform(0, math.pi)
        along = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
        across = (y - cy) * math.cos(angle) - (x - cx) * math.sin(angle)
        picture[(np.abs(along) < r) & (np.abs(across) < r / 2)] = rng.uniform(0, 1)
    return torch.from_numpy(picture).float()[None, None]
