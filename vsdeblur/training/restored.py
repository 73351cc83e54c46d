"""Samples of the bridge recipe: photographs, blurred, and restored with a kernel that is not always quite right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vsdeblur.blind.deconvolve.unrolled import START
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import photo_crop
from vsdeblur.training.shake import random_shake
from vsdeblur.training.shaken import kernels_of

CROP = 92
_LEAST, _MOST = 2.0, 27.0  # pixels that a blur extends over
_WRONG = 0.4  # share of the samples whose kernel is not quite the one that blurred
_CLIPPED = 0.6  # share of the pictures that are stored between 0 and 1
_EIGHT_BIT = 0.6  # share of those that are stored in 8 bits
_BRIGHT = 0.25  # share of the pictures with lights that clip
_QUIETEST, _LOUDEST = 1e-3, 0.03  # standard deviations, of display values and roughly of light
_ROUNDS = (3, 9)  # of the restoration; it goes on for as many as the user of the network has time for

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class RestoredPhotos:
    """A ``Maker``: of blurry pictures v (3, S, S), their kernel as it was found (SPAN, SPAN) and their noise (1,).

    first (3, S + 2 REACH, S + 2 REACH) is v restored by that kernel, sharp the true picture of that size. linear (1,)
    is 1 where values are light; clip (1,) is the value from which on v is clipped, 0 where it never is. All float16 but
    the noise.

    Args:
        photos: Sharp ones.
        size: S, pixels per side.
    """

    photos: Sequence[Path]
    size: int = CROP

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        linear = bool(rng.random() < 0.5)
        piece = torch.from_numpy(photo_crop(rng, self.photos, self.size + 2 * REACH)).permute(2, 0, 1)[None] / 255
        exposure = float(np.exp(rng.uniform(-0.7, 0.1))) if rng.random() < 0.5 else 1.0
        exposure *= float(rng.uniform(1, 2.5)) if rng.random() < _BRIGHT else 1.0
        sharp = exposure * (from_smooth_display(piece) if linear else piece)
        kernel, other = self._kernels(rng)
        noise = float(np.exp(rng.uniform(np.log(_QUIETEST), np.log(_LOUDEST)))) * (0.5 if linear else 1)
        v = self._blur(kernel)(sharp)
        v = v + noise * torch.from_numpy(rng.normal(size=tuple(v.shape))).float()
        clipped = rng.random() < _CLIPPED
        if clipped:
            v = v.clamp(0, 1)
            if rng.random() < _EIGHT_BIT:
                v = ((to_smooth_display(v) if linear else v) * 255).round() / 255
                v = from_smooth_display(v) if linear else v
        found = mistaken(kernel, other, rng) if rng.random() < _WRONG else kernel
        restore = replace(START, rounds=int(rng.integers(*_ROUNDS)), clip=1.0 if clipped else None)
        first = restore.with_margin(v, self._blur(found), noise)
        return {
            "v": v[0].half().contiguous(),
            "first": first[0].half().contiguous(),
            "sharp": sharp[0].half().contiguous(),
            "kernel": torch.from_numpy(found).half(),
            "noise": torch.tensor([noise]),
            "linear": torch.tensor([float(linear)]),
            "clip": torch.tensor([float(clipped)]),
        }

    def _blur(self, kernel: Array) -> UniformBlur:
        return UniformBlur(torch.from_numpy(kernel), (self.size, self.size))

    def _kernels(self, rng: np.random.Generator) -> Array:
        """(2, SPAN, SPAN): of one shaken camera, at two places."""
        field = (160, 160)
        way = random_shake(rng, field, float(rng.uniform(_LEAST, _MOST)))
        kernels = kernels_of(way, rng.uniform(0, 159, (2, 2)))
        scale: Array = kernels / kernels.sum((1, 2), keepdims=True)
        return scale.astype(np.float32)


def mistaken(kernel: Array, other: Array, rng: np.random.Generator) -> Array:
    """A kernel as it may be found: mixed with that of another place, a little beside it, out of focus.

    Args:
        kernel: (SPAN, SPAN), the true one.
        other: Of another place in the same picture.
        rng: All that is random.
    """
    strength = float(rng.uniform(0, 1))
    mixed = kernel + strength * float(rng.uniform(0, 0.5)) * (other - kernel)
    shift = np.array([[1, 0, rng.normal() * 0.3 * strength], [0, 1, rng.normal() * 0.3 * strength]])
    moved = cv2.warpAffine(mixed, shift, (SPAN, SPAN), flags=cv2.INTER_LINEAR)
    found = cv2.GaussianBlur(moved, (0, 0), 0.25 + 0.7 * strength * float(rng.uniform(0, 1)))
    return np.asarray(found / found.sum(), np.float32)
