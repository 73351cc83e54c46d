"""How good a restored scene is."""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.bench.protocol import Frames

H, W, FACTOR = 64, 96, 8


def as_tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


def gain(restored: Tensor, sharp: Tensor, blurry: Tensor) -> float:
    """dB over repeating the input, the first and last period left out."""
    inner = slice(FACTOR, -FACTOR)
    repeated = blurry.repeat_interleave(FACTOR, 0)
    return psnr(restored[inner], sharp[inner]) - psnr(repeated[inner], sharp[inner])
