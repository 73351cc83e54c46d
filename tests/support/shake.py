"""A picture as a shaken camera sees it, with its known path."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from vsdeblur.camera.path import splines

H, W, PERIODS, FACTOR = 96, 128, 5, 8


def picture(seed: int = 5, size: int = 256) -> np.ndarray:
    """(size, size) in [0.05, 0.95]: blobs and hard-edged tiles."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size), np.float32)
    for cells, mode in ((8, cv2.INTER_CUBIC), (20, cv2.INTER_NEAREST), (48, cv2.INTER_CUBIC), (100, cv2.INTER_NEAREST)):
        total += cv2.resize(rng.random((cells, cells), np.float32), (size, size), interpolation=mode)
    return (total - total.min()) / (total.max() - total.min()) * 0.9 + 0.05


def shaken(seed: int = 1, strength: float = 5.0) -> tuple[Tensor, np.ndarray]:
    """(sharp (40, 1, H, W), where the picture's middle is seen at each instant (40, 2)): the camera jumps and turns."""
    rng = np.random.default_rng(seed)
    t = (np.arange(PERIODS * FACTOR) + 0.5) / FACTOR
    knots = rng.normal(0, 1, (PERIODS + 6, 3))
    smooth = splines(torch.from_numpy(t), len(knots), -2.0, 1.0).numpy() @ knots * 1.5
    where, turn = smooth[:, :2] * strength, smooth[:, 2] * 0.01
    scene, sharp = picture(), []
    for (x, y), angle in zip(where, turn, strict=True):
        c, s = math.cos(angle), math.sin(angle)
        back = np.array([[c, s, 0], [-s, c, 0]])  # the frame's pixels to the scene's, about either's middle
        back[:, 2] = 127.5 - back[:, :2] @ ([(W - 1) / 2 + x, (H - 1) / 2 + y])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        sharp.append(cv2.warpAffine(scene, back, (W, H), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return torch.from_numpy(np.stack(sharp))[:, None].clamp(0, 1), where


def blur(sharp: Tensor, m: int = FACTOR) -> Tensor:
    return sharp.view(-1, FACTOR, *sharp.shape[1:])[:, :m].mean(1)
