"""Samples of pictures as they are, with the blur that is found in them: nothing sharp is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vsdeblur.blind.estimate.confidence import covariance
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.blind.estimate.kernels import KernelEstimator, load_kernel_estimator
from vsdeblur.camera.noise import noise_level
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import photo_crop

SIZE = 160
KINDS = ("directional", "full")
_FINE = 8  # points per pixel of a line


@dataclass(frozen=True, slots=True)
class BlurryPictures:
    """A ``Maker``: picture (3, S, S) float16, as stored; kernel (SPAN, SPAN); noise (1,), its deviation.

    Args:
        photos: Blurry ones.
        kind: Of the blur that is found: "directional", along a straight line, or "full", as the kernel network has it.
        size: S, pixels per side.
    """

    photos: Sequence[Path]
    kind: str = "full"
    size: int = SIZE

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        picture = torch.from_numpy(photo_crop(rng, self.photos, self.size).copy()).permute(2, 0, 1).float() / 255
        return as_sample(picture, self.kind)


def as_sample(picture: Tensor, kind: str) -> Sample:
    """The sample of a picture (3, S, S), display values."""
    return {
        "picture": picture.half().contiguous(),
        "kernel": found_kernel(picture, kind),
        "noise": torch.tensor([noise_level(picture[None])]),
    }


def found_kernel(picture: Tensor, kind: str) -> Tensor:
    """(SPAN, SPAN): the blur in the middle of a picture (3, S, S), by the kernel network; of ``KINDS``."""
    blur = _estimator()(picture[None])
    middle = torch.tensor([[picture.shape[-1] // 2, picture.shape[-2] // 2]])
    found = _fitting(blur.kernels(middle)[0].clamp_min(0))
    return line_like(found) if kind == "directional" else found


def line_like(kernel: Tensor) -> Tensor:
    """The line through the middle that spreads light as a kernel (n, n) does along its main direction; (n, n).

    A line of length l has the variance l^2 / 12.
    """
    spread = covariance(kernel[None].double())[0]
    values, vectors = torch.linalg.eigh(spread)
    length = min(math.sqrt(12 * max(float(values[-1]), 0.0)), 2.0 * REACH)
    return line(length, float(vectors[0, -1]), float(vectors[1, -1]))


def line(length: float, x: float, y: float) -> Tensor:
    """A line of that many pixels along (x, y), through the middle of (SPAN, SPAN), shared out over pixels."""
    count = max(int(_FINE * length) | 1, 1)
    at = torch.linspace(-length / 2, length / 2, count) if count > 1 else torch.zeros(1)
    across, down = (REACH + at * x).clamp(0, SPAN - 1.001), (REACH + at * y).clamp(0, SPAN - 1.001)
    left, top = across.floor().long(), down.floor().long()
    out = torch.zeros(SPAN, SPAN)
    for dy in (0, 1):
        for dx in (0, 1):
            share = (1 - dx - (across - left)).abs() * (1 - dy - (down - top)).abs()
            out.index_put_((top + dy, left + dx), share, accumulate=True)
    return out / out.sum()


def _fitting(kernel: Tensor) -> Tensor:
    """(SPAN, SPAN) of a kernel of another size: its middle, or with nothing around it."""
    more = (SPAN - kernel.shape[-1]) // 2
    sized = torch.nn.functional.pad(kernel, (more,) * 4)
    return sized / sized.sum().clamp_min(1e-6)


@lru_cache(maxsize=1)
def _estimator() -> KernelEstimator:
    return load_kernel_estimator()
