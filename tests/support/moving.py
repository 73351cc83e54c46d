"""Textures that move by known shifts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

H, W = 64, 96
COARSE_TO_FINE = ((16, 1.0), (8, 0.7), (4, 0.5))


def texture(height: int, width: int, seed: int = 0, octaves: tuple[tuple[int, float], ...] = COARSE_TO_FINE) -> Tensor:
    """(1, height, width) in [0.1, 0.9]: noise in octaves of (cell, strength)."""
    rng = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 1, height, width)
    for step, strength in octaves:
        coarse = torch.randn(1, 1, height // step + 2, width // step + 2, generator=rng)
        total += strength * F.interpolate(coarse, (height, width), mode="bicubic")
    return (0.5 + 0.15 * total[0]).clamp(0.1, 0.9)


def gliding(shifts: list[tuple[int, int]], height: int = H, width: int = W, seed: int = 0) -> Tensor:
    """(n, 1, height, width): a texture moved by whole pixels (x, y) in all, new parts coming in at the edges."""
    margin = 64
    big = texture(height + 2 * margin, width + 2 * margin, seed)
    return torch.stack(
        [big[:, margin - y : margin - y + height, margin - x : margin - x + width] for x, y in shifts]
    ).contiguous()


def inner(x: Tensor, margin: int = 12) -> Tensor:
    return x[..., margin:-margin, margin:-margin]
