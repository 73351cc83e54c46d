"""Tiles with overlap, and weights that blend them without a seam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

FEATHER = 16


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A part of a picture that is solved by itself.

    Attributes:
        rows: Of the picture, overlap included.
        columns: Of the picture, overlap included.
        weight: (rows, columns) in [0, 1], of the tile in the blend: the weights of all tiles sum to 1 at every pixel.
    """

    rows: slice
    columns: slice
    weight: Tensor


def tiles(height: int, width: int, size: int, overlap: int, device: torch.device | None = None) -> Iterator[Tile]:
    """Tiles whose inner parts cover the picture, row by row.

    Args:
        height: Of the picture, pixels.
        width: Of the picture, pixels.
        size: Of an inner part, about, in pixels; at least 48, so that no more than two feathered edges meet.
        overlap: Pixels that a tile reaches beyond its inner part on every side, up to the picture's border.
        device: Of the weights; None for the processor.

    Yields:
        Tiles in order of rows, then of columns.

    >>> [(tile.columns.start, tile.columns.stop) for tile in tiles(64, 128, 64, overlap=16)]
    [(0, 80), (48, 128)]
    """
    for rows, down in _spans(height, size, overlap, device):
        for columns, across in _spans(width, size, overlap, device):
            yield Tile(rows, columns, down[:, None] * across[None, :])


def longest(length: int, size: int, overlap: int) -> int:
    """The longest side of a tile along one side of the picture.

    Args:
        length: Of the picture's side, pixels.
        size: As in ``tiles``.
        overlap: As in ``tiles``.

    Returns:
        Pixels, overlap included.
    """
    return max(min(end + overlap, length) - max(begin - overlap, 0) for begin, end in _inner(length, size))


def solved_share(height: int, width: int, size: int, overlap: int) -> float:
    """Pixels of all tiles over pixels of the picture, 1 or more; arguments as in ``tiles``."""
    rows, columns = (
        sum(min(end + overlap, length) - max(begin - overlap, 0) for begin, end in _inner(length, size))
        for length in (height, width)
    )
    return rows * columns / (height * width)


def _inner(length: int, size: int) -> list[tuple[int, int]]:
    # A remainder smaller than the overlap would be solved mostly twice: the inner parts share it evenly instead.
    count = max(1, round(length / size))
    return list(pairwise([length * k // count // 4 * 4 for k in range(count)] + [length]))


def _spans(length: int, size: int, overlap: int, device: torch.device | None) -> Iterator[tuple[slice, Tensor]]:
    feather = min(FEATHER, overlap // 2)
    for begin, end in _inner(length, size):
        first, last = max(begin - overlap, 0), min(end + overlap, length)
        at = torch.arange(first, last, device=device) + 0.5
        weight = torch.ones(last - first, device=device)
        if begin > 0:
            weight = weight.minimum(((at - begin) / (2 * feather) + 0.5).clamp(0, 1))
        if end < length:
            weight = weight.minimum(((end - at) / (2 * feather) + 0.5).clamp(0, 1))
        yield slice(first, last), weight
