"""Samples of the local recipe: photographs in which one thing moved during the exposure, and others like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vsdeblur.blind.local.lags import lag_maps
from vsdeblur.training.degrade import Degradation, degraded
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import photo_crop, random_mask
from vsdeblur.training.shake import random_shake
from vsdeblur.training.shaken import REACH, expose

SIZE = 192
_LEAST, _MOST = 5.0, 34.0  # pixels of motion
_KINDS = {"moving": 0.68, "still": 0.2, "shaken": 0.12}
_FINE = 1.5  # instants per pixel of motion
_DEFOCUSED = 0.3  # share of the layers that are out of focus

Picture = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class LocalPhotos:
    """A ``Maker``: picture (3, S, S) uint8, as stored; its lag_maps, float16; mattes (2, S, S) uint8, of the thing that
    moved in the middle of the exposure and of the mean over it; motion (2,): its angle, 0 to pi, and length, pixels.

    A fifth of the pictures has a thing that does not move, and others are by a shaken camera; layers may be out of
    focus. There the mattes are 0.

    Args:
        photos: Sharp ones.
        size: S, pixels per side, a multiple of ``CELL``.
    """

    photos: Sequence[Path]
    size: int = SIZE

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        gamma = float(rng.choice([1.0, 2.2]))
        kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
        angle, length = float(rng.uniform(0, np.pi)), float(rng.uniform(_LEAST, _MOST))
        size, wide = self.size, self.size + 2 * REACH
        back = _unfocused(self._light(rng, wide, gamma), rng)
        if rng.random() < 0.5:
            front = _unfocused(self._thing(rng, gamma), rng)
            back = back * (1 - front[..., 3:]) + front[..., :3]
        mattes = np.zeros((2, size, size), np.float32)
        if kind == "shaken":
            path = random_shake(rng, (size, size), float(rng.uniform(2 * _LEAST, _MOST)))
            seen = expose([(back, path)], size)[0]
        elif kind == "still":
            seen = back[REACH:-REACH, REACH:-REACH]
        else:
            way = length * np.array([np.cos(angle), np.sin(angle)])
            seen, mattes = passed(back, self._thing(rng, gamma), way)
        light = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None]
        picture = degraded(light, gamma, rng, Degradation())
        return {
            "picture": picture[0],
            "lags": lag_maps(picture.float() / 255)[0].half(),
            "mattes": torch.from_numpy(np.rint(255 * mattes).astype(np.uint8)),
            "motion": torch.tensor([angle, length]),
        }

    def _light(self, rng: np.random.Generator, size: int, gamma: float) -> Picture:
        return np.asarray((photo_crop(rng, self.photos, size).astype(np.float32) / 255) ** gamma, np.float32)

    def _thing(self, rng: np.random.Generator, gamma: float) -> Picture:
        """(wide, wide, 4) premultiplied by its alpha; a part of it may lie outside."""
        wide = self.size + 2 * REACH
        extent = int(self.size * np.exp(rng.uniform(np.log(0.3), np.log(1.5))))
        mask = random_mask(rng, extent)
        layer = np.concatenate((self._light(rng, extent, gamma) * mask, mask), 2)
        x, y = rng.uniform(0.15, 0.85, 2) * self.size + REACH - extent / 2
        place = np.array([[1, 0, round(x)], [0, 1, round(y)]], np.float32)
        return np.asarray(cv2.warpAffine(layer, place, (wide, wide), flags=cv2.INTER_NEAREST), np.float32)


def passed(back: Picture, thing: Picture, way: Picture) -> tuple[Picture, Picture]:
    """What is seen while a thing goes straight before a still background.

    Args:
        back: (S + 2 REACH, S + 2 REACH, 3) light.
        thing: (S + 2 REACH, S + 2 REACH, 4), premultiplied, as it lies in the middle of the exposure.
        way: (2,) pixels, x and y, from the beginning of the exposure to its end.

    Returns:
        The light (S, S, 3), and (2, S, S): the thing's alpha in the middle of the exposure, and the mean over it.
    """
    count = max(int(np.ceil(_FINE * np.hypot(*way))), 1)
    size = (back.shape[1], back.shape[0])
    total = np.zeros_like(thing)
    for at in (np.arange(count) + 0.5) / count - 0.5:
        place = np.array([[1, 0, at * way[0]], [0, 1, at * way[1]]])
        total += cv2.warpAffine(thing, place, size, flags=cv2.INTER_LINEAR)
    total /= count
    inner = np.s_[REACH:-REACH, REACH:-REACH]
    seen = back * (1 - total[..., 3:]) + total[..., :3]  # what stands still is seen for the rest of the time
    return seen[inner], np.stack((thing[inner][..., 3], total[inner][..., 3]))


def _unfocused(layer: Picture, rng: np.random.Generator) -> Picture:
    """The layer, now and then through a lens that is not focused on it."""
    if rng.random() >= _DEFOCUSED:
        return layer
    radius = float(rng.uniform(0.7, 6.0))
    line = np.arange(-int(np.ceil(radius)), int(np.ceil(radius)) + 1)
    disc = np.clip(radius + 0.5 - np.hypot(line[:, None], line), 0, 1)
    return np.asarray(cv2.filter2D(layer, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101), np.float32)
