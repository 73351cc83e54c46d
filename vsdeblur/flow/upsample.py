"""Motion fields at the picture's resolution, any part of them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def upsampled(field: Tensor, scale: int, size: tuple[int, int], rows: slice, columns: slice | None = None) -> Tensor:
    """A part, ``rows`` x ``columns`` (None: all), of field (B, C, h, w) enlarged ``scale`` times to size (H, W).

    Bilinear; gives the values that enlarging the whole field and cutting would give.
    """
    columns = columns if columns is not None else slice(0, size[1])
    if scale == 1:
        return field[..., rows, columns]
    (top, y0, y1), (left, x0, x1) = (_low(part, scale) for part in (rows, columns))
    part = field[..., y0:y1, x0:x1]
    large = F.interpolate(part, scale_factor=float(scale), mode="bilinear", align_corners=False)
    return large[..., top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]


def _low(part: slice, scale: int) -> tuple[int, int, int]:
    """Offset of the wanted part in the enlarged one, and the low-resolution range with a margin."""
    first = max(part.start // scale - 1, 0)
    last = -(-part.stop // scale) + 1
    return part.start - first * scale, first, last
