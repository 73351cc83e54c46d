"""Ground that a camera pans over while light changes: small colour frames, as they are stored in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HEIGHT, WIDTH = 72, 128
Picture = NDArray[np.float32]


def ground(seed: int) -> Picture:
    """A texture of three scales, (HEIGHT + 40, 4 WIDTH, 3) in [0.1, 0.9]."""
    rng, height, width = np.random.default_rng(seed), HEIGHT + 40, 4 * WIDTH
    texture = np.zeros((height, width, 3), np.float32)
    for size, weight in ((4, 0.3), (12, 0.4), (36, 0.5)):
        fine = rng.random((height // size + 2, width // size + 2, 3)).astype(np.float32)
        texture += weight * cv2.resize(fine, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = texture.min(), texture.max()
    return np.asarray(0.1 + 0.8 * (texture - low) / (high - low), np.float32)


def view(picture: Picture, x: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Picture:
    """What is seen of it from x pixels to the right."""
    move = np.array([[1, 0, -10 - x], [0, 1, -10]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, size[::-1], flags=cv2.INTER_LINEAR), np.float32)


def exposed(picture: Picture, n: int, speed: float, shutter: float, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Picture:
    """The mean over exposure n of what moves by ``speed`` pixels a period."""
    return np.mean([view(picture, speed * (n + shutter * (k + 0.5) / 8), size) for k in range(8)], axis=0)


def as_stored(frames: Sequence[NDArray[np.floating]]) -> Tensor:
    """(n, 3, H, W), rounded to 8 bits."""
    codes = np.rint(np.clip(np.stack(frames), 0, 1) * 255) / 255
    return torch.from_numpy(codes).float().permute(0, 3, 1, 2).contiguous()


def panned(gains: Sequence[float], speed: float, shutter: float) -> Tensor:
    """A pan in the light of ``gains``, which multiply stored values."""
    texture = ground(5)
    return as_stored([gain * exposed(texture, n, speed, shutter) for n, gain in enumerate(gains)])
