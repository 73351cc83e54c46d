"""Motion is found at a whole fraction of the picture's resolution, and used at all of it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def motion_scale(height: int, width: int) -> int:
    """The whole number that a picture of height x width is divided by for motion: 1 to 640 px, 2 to 2048, else 4."""
    longest = max(height, width)
    return 1 if longest <= 640 else 2 if longest <= 2048 else 4


def downsampled(frames: Tensor, scale: int) -> Tensor:
    """Means of scale x scale pixels of frames (B, C, H, W): (B, C, ceil(H / scale), ceil(W / scale))."""
    return F.avg_pool2d(frames, scale, ceil_mode=True, count_include_pad=False) if scale > 1 else frames


def downsampled_rows(values: Tensor, scale: int) -> Tensor:
    """Means of ``scale`` rows of values (B, C, H, 1): (B, C, ceil(H / scale), 1)."""
    return F.avg_pool2d(values, (scale, 1), ceil_mode=True, count_include_pad=False) if scale > 1 else values


def upsampled(field: Tensor, scale: int, size: tuple[int, int], rows: slice, columns: slice | None = None) -> Tensor:
    """A part of a field enlarged bilinearly: the values that enlarging all of it and cutting would give.

    Args:
        field: (B, C, h, w).
        scale: how many times as large the result is.
        size: (H, W) of the whole enlarged field.
        rows: the part of it that is wanted.
        columns: the same along x, None for all.
    """
    columns = columns if columns is not None else slice(0, size[1])
    if scale == 1:
        return field[..., rows, columns]
    (top, y0, y1), (left, x0, x1) = (_low_resolution_range(part, scale) for part in (rows, columns))
    part = field[..., y0:y1, x0:x1]
    large = F.interpolate(part, scale_factor=float(scale), mode="bilinear", align_corners=False)
    return large[..., top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]


def _low_resolution_range(part: slice, scale: int) -> tuple[int, int, int]:
    """Offset of the wanted part in the enlarged one, and the low-resolution range with a margin."""
    first = max(part.start // scale - 1, 0)
    last = -(-part.stop // scale) + 1
    return part.start - first * scale, first, last
