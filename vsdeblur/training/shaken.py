"""Samples of the kernels recipe: photographs by a shaken camera, some with things that move by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.training.paths import Array, apply
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import photo_crop, random_mask
from vsdeblur.training.shake import random_shake

SIZE = 160
CELL = 16  # pixels between points whose kernels are kept
_SHARP = 0.08  # share of the pictures that nothing moved in
_LEAST, _MOST = 2.0, 27.0  # pixels that a blur extends over
_MOVING = 0.3  # share of the pictures with a thing that moves by itself
_BRIGHT = 0.25  # share of the pictures with lights that clip

Picture = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class ShakenPhotos:
    """A ``Maker``: sharp (3, S + 2 REACH, S + 2 REACH) and blurry (3, S, S) light, float16, the blurry one neither
    clipped nor noisy; kernels (G, G, SPAN, SPAN) float16 of the pixels CELL / 2 + k CELL; gamma (1,): values are stored
    as light ** (1 / gamma).

    Args:
        photos: Sharp ones.
        size: S, pixels per side.
    """

    photos: Sequence[Path]
    size: int = SIZE

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        gamma = float(rng.choice([1.0, 2.2]))
        bright = float(rng.uniform(1.0, 2.5)) if rng.random() < _BRIGHT else 1.0

        def light(picture: Picture) -> Picture:
            return np.asarray((picture.astype(np.float32) / 255) ** gamma * bright, np.float32)

        wide = self.size + 2 * REACH
        back = light(photo_crop(rng, self.photos, wide))
        layers: list[tuple[Picture, Array]] = [(back, self._shake(rng))]
        if rng.random() < _MOVING:
            layers.append((self._thing(rng, light), self._shake(rng)))
        blurry, alpha = expose(layers, self.size)
        sharp = over([texture for texture, _ in layers])
        return {
            "sharp": torch.from_numpy(sharp).permute(2, 0, 1).half().contiguous(),
            "blurry": torch.from_numpy(blurry).permute(2, 0, 1).half().contiguous(),
            "kernels": self._kernels([way for _, way in layers], alpha),
            "gamma": torch.tensor([gamma]),
        }

    def _shake(self, rng: np.random.Generator) -> Array:
        extent = 0.01 if rng.random() < _SHARP else float(rng.uniform(_LEAST, _MOST))
        return random_shake(rng, (self.size, self.size), extent)

    def _thing(self, rng: np.random.Generator, light: Any) -> Picture:
        """(wide, wide, 4) premultiplied by its alpha."""
        wide = self.size + 2 * REACH
        extent = int(self.size * rng.uniform(0.25, 0.8))
        mask = random_mask(rng, extent)
        thing = np.zeros((wide, wide, 4), np.float32)
        y, x = (int(rng.integers(wide - extent + 1)) for _ in range(2))
        piece = light(photo_crop(rng, self.photos, extent))
        thing[y : y + extent, x : x + extent] = np.concatenate((piece * mask, mask), 2)
        return thing

    def _kernels(self, ways: list[Array], alpha: Picture) -> torch.Tensor:
        line = np.arange(CELL // 2, self.size, CELL)
        y, x = (a.ravel() for a in np.meshgrid(line, line, indexing="ij"))
        points = np.stack((x, y), 1).astype(np.float64)
        front = alpha[y, x, None, None] > 0.5
        found = kernels_of(ways[0], points)
        if len(ways) > 1:
            found = np.where(front, kernels_of(ways[1], points), found)
        return torch.from_numpy(found).half().reshape(len(line), len(line), SPAN, SPAN)


def expose(layers: list[tuple[Picture, Array]], size: int) -> tuple[Picture, Picture]:
    """The mean over all instants (size, size, 3), and that of the second layer's alpha (size, size), if there is one.

    Args:
        layers: Textures on the picture with REACH more pixels around it, from the back to the front, and homographies.
        size: Of the picture, pixels per side.
    """
    import cv2

    blurry, covered = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    lift = np.array([[1, 0, REACH], [0, 1, REACH], [0, 0, 1.0]])
    count = len(layers[0][1])
    for k in range(count):
        seen = np.zeros((size, size, 3), np.float32)
        for n, (texture, way) in enumerate(layers):
            drawn = cv2.warpPerspective(
                texture,
                lift @ way[k],
                (size, size),
                flags=(cv2.INTER_LINEAR if n else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT if n else cv2.BORDER_REFLECT_101,
            )
            seen = np.asarray(seen * (1 - drawn[..., 3:]) + drawn[..., :3] if n else drawn, np.float32)
            if n:
                covered += drawn[..., 3] / count
        blurry += seen / count
    return blurry.clip(0), covered


def over(textures: list[Picture]) -> Picture:
    """The layers as they lie on each other while nothing moves."""
    back = textures[0]
    for front in textures[1:]:
        back = back * (1 - front[..., 3:]) + front[..., :3]
    return back


def kernels_of(way: Array, points: Array) -> Picture:
    """(P, SPAN, SPAN): where the homographies (T, 3, 3) take each of points (P, 2)."""
    return kernels_at((apply(way, points) - points).swapaxes(0, 1))


def kernels_at(offsets: Array) -> Picture:
    """(P, SPAN, SPAN): what goes to each of offsets (P, T, 2), pixels, in turn, shared out over four pixels."""
    offsets = (offsets + REACH).clip(0, SPAN - 1.001)
    low = np.floor(offsets).astype(int)
    part = offsets - low
    count = offsets.shape[1]
    out = np.zeros((len(offsets), SPAN, SPAN), np.float32)
    rows = np.repeat(np.arange(len(offsets))[:, None], count, 1)
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dx - part[..., 0]) * np.abs(1 - dy - part[..., 1])
            np.add.at(out, (rows, low[..., 1] + dy, low[..., 0] + dx), share.astype(np.float32))
    out /= count
    return out
