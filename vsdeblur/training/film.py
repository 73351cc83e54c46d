"""What a camera makes of footage: three exposures, and the sharp instants within the middle one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vsdeblur.training.degrade import Degradation, degraded, stored
from vsdeblur.training.footage import Footage, exposures

SHARP_TAUS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # instants of ``Take.sharp``, in periods from the middle


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Footage as filmed, values as stored.

    Attributes:
        blurry: (3, 3, H, W) uint8, the exposure before, the one meant, and the one after.
        sharp: (5, 3, H, W) uint8 at SHARP_TAUS.
        shutter: The open part of a period.
    """

    blurry: Tensor
    sharp: Tensor
    shutter: float


@torch.inference_mode()
def film(
    footage: Footage,
    rng: np.random.Generator,
    device: torch.device | None = None,
    how: Degradation | None = None,
) -> Take:
    """Film with a random shutter, noise and compression."""
    device = device or torch.device("cpu")
    opening = footage.opening(rng, centred=True)
    blurry = degraded(exposures(footage, opening, (-1.0, 0.0, 1.0), device), footage.gamma, rng, how or Degradation())
    sharp = stored(footage.light(footage.instants(np.array(SHARP_TAUS), opening), device), footage.gamma)
    return Take(blurry, sharp, opening.shutter)
