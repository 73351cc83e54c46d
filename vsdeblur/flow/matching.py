"""Matching of two pictures, or of features of them: correlations, their soft-argmax, and least squares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.warp import warp
from vsdeblur.tensors import box

RADIUS = 3  # cells
CORRELATIONS = (2 * RADIUS + 1) ** 2
WINDOWS = ((3, 1.5), (7, 3.0))  # of Lucas-Kanade: cells per side, and the longest way found, half-cells
_DAMPING = 2e-5  # of Lucas-Kanade: (grey values per half-cell) squared


def correlation(key: Tensor, moved: Tensor) -> Tensor:
    """Inner products of each cell's features with those of the cells around it in the other frame.

    Args:
        key: (N, C, h, w).
        moved: (N, C, h, w).

    Returns:
        (N, (2 R + 1)^2, h, w), rows of further moves by y, R = 3.
    """
    h, w = key.shape[-2:]
    wide = F.pad(moved, (RADIUS,) * 4)
    steps = range(2 * RADIUS + 1)
    return torch.stack([(key * wide[..., y : y + h, x : x + w]).sum(1) for y in steps for x in steps], 1)


def soft_argmax(near: Tensor, steep: Tensor) -> Tensor:
    """(N, 2, h, w): the further move (x, y) in cells, of correlations (N, (2 R + 1)^2, h, w)."""
    side = 2 * RADIUS + 1
    grid = (near * steep).softmax(1).unflatten(1, (side, side))
    places = torch.arange(side, dtype=grid.dtype, device=grid.device).sub_(RADIUS).view(1, -1, 1, 1)
    return torch.stack(((grid.sum(1) * places).sum(1), (grid.sum(2) * places).sum(1)), 1)


@torch.no_grad()
def lucas_kanade(a: Tensor, b: Tensor, way: Tensor) -> Tensor:
    """The least-squares further move of small and of large windows.

    Args:
        a: (N, 1, 2 h, 2 w) grey values.
        b: (N, 1, 2 h, 2 w), which ``way`` moves onto a.
        way: (N, 2, h, w), cells, a cell being two pixels of a and b.

    Returns:
        (N, 2, 2, h, w): by window, (x, y) in cells.
    """
    moved = warp(b, 2 * F.interpolate(way, scale_factor=2.0, mode="bilinear"), "bilinear")
    both = F.pad((a + moved) / 2, (1,) * 4, mode="replicate")
    x = (both[..., 1:-1, 2:] - both[..., 1:-1, :-2]) / 2
    y = (both[..., 2:, 1:-1] - both[..., :-2, 1:-1]) / 2
    t = moved - a
    sums = F.avg_pool2d(torch.cat((x * x, x * y, y * y, x * t, y * t), 1), 2)
    return torch.stack([least_squares_move(box(sums, size), limit, _DAMPING) for size, limit in WINDOWS], 1) / 2


def least_squares_move(sums: Tensor, limit: float, damping: float) -> Tensor:
    """The move that best explains changes by slopes (Lucas and Kanade 1981).

    Args:
        sums: (..., 5, h, w), over a window: of the slopes' products xx, xy, yy and of slope times change, xt and yt.
        limit: The farthest move along x and along y; longer ones are cut to it.
        damping: Added to xx and yy.

    Returns:
        (..., 2, h, w), (x, y).
    """
    xx, xy, yy, xt, yt = sums.unbind(-3)
    xx, yy = xx + damping, yy + damping
    scale = -1 / (xx * yy - xy * xy)
    return torch.stack(((yy * xt - xy * yt) * scale, (xx * yt - xy * xt) * scale), -3).clamp(-limit, limit)
