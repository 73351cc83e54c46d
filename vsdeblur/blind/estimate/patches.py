"""A picture in overlapping pieces, over each of which the blur is taken as one kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Overlapping pieces of a picture, over each of which the blur is taken as one kernel.

    ``over`` covers all of it, the windows summing to 1 in every pixel (Hirsch et al. 2011); ``by_gradient`` takes
    pieces of the largest gradient.

    Attributes:
        rows: First row of each of the P pieces.
        columns: First column of each.
        windows: (P, 1, h, w), weights.
        size: (H, W) of the picture.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    windows: Tensor
    size: tuple[int, int]

    @classmethod
    def over(cls, size: tuple[int, int], count: int) -> Patches:
        """Pieces that cover a picture, each half over the next.

        Args:
            size: (H, W) of the picture.
            count: Pieces along each side.
        """
        down, across = (_starts(length, count) for length in size)
        tall, wide = (_side(length, count) for length in size)
        window_y, window_x = _windows(down, tall, size[0]), _windows(across, wide, size[1])
        windows = (window_y[:, None, :, None] * window_x[None, :, None, :]).reshape(-1, 1, tall, wide)
        rows = tuple(y for y in down for _ in across)
        return cls(rows, tuple(across) * len(down), windows, size)

    @classmethod
    def by_gradient(cls, picture: Tensor, count: int, side: int) -> Patches:
        """The piece of the largest mean gradient in each of count x count parts of a picture.

        Pieces of neighbouring parts may overlap, and leave gaps.

        Args:
            picture: (1, 1, H, W).
            count: Parts along each side.
            side: Of a piece, pixels.
        """
        size = (picture.shape[-2], picture.shape[-1])
        tall, wide = (min(side, length) for length in size)
        steep = (picture.diff(dim=-1)[..., :-1, :].abs() + picture.diff(dim=-2)[..., :-1].abs())[0, 0]
        total = F.pad(steep.cumsum(0, dtype=torch.float64).cumsum(1), (1, 0, 1, 0))
        y, x = tall - 1, wide - 1  # steps between the pixels of a piece
        inside = total[y:, x:] - total[:-y, x:] - total[y:, :-x] + total[:-y, :-x]
        rows, columns = [], []
        for low in _parts(inside.shape[0], count):
            for left in _parts(inside.shape[1], count):
                part = inside[low, left]
                best = int(part.argmax())
                rows.append(low.start + best // part.shape[1])
                columns.append(left.start + best % part.shape[1])
        window = _tent(tall)[:, None] * _tent(wide)
        return cls(tuple(rows), tuple(columns), window.expand(count**2, 1, -1, -1), size)

    @property
    def middles(self) -> Tensor:
        """(P, 2) integer pixels, x then y: the centroids of the windows."""
        tall, wide = self.windows.shape[-2:]
        weigh = self.windows[:, 0]
        y = (weigh.sum(-1) * torch.arange(tall)).sum(-1) / weigh.sum((-2, -1)) + torch.tensor(self.rows)
        x = (weigh.sum(-2) * torch.arange(wide)).sum(-1) / weigh.sum((-2, -1)) + torch.tensor(self.columns)
        return torch.stack((x, y), -1).round().long()

    def cut(self, picture: Tensor, margin: int = 0) -> Tensor:
        """The pieces of a picture.

        Args:
            picture: (1, C, H + 2 margin, W + 2 margin).
            margin: Pixels around the picture, and around each piece.

        Returns:
            (P, C, h + 2 margin, w + 2 margin).
        """
        tall, wide = (side + 2 * margin for side in self.windows.shape[-2:])
        pieces = zip(self.rows, self.columns, strict=True)
        return torch.cat([picture[..., y : y + tall, x : x + wide] for y, x in pieces])

    def join(self, pieces: Tensor, margin: int) -> Tensor:
        """The inverse of ``cut``: the mean of the pieces, weighted by their windows.

        Args:
            pieces: (P, C, h + 2 margin, w + 2 margin).
            margin: Pixels around each piece; the windows' edge values are repeated there.

        Returns:
            (1, C, H + 2 margin, W + 2 margin).
        """
        height, width = (side + 2 * margin for side in self.size)
        around = F.pad(self.windows, (margin,) * 4, mode="replicate")
        total = pieces.new_zeros(1, pieces.shape[1], height, width)
        share = pieces.new_zeros(1, 1, height, width)
        tall, wide = pieces.shape[-2:]
        for piece, window, y, x in zip(pieces, around, self.rows, self.columns, strict=True):
            total[..., y : y + tall, x : x + wide] += piece * window
            share[..., y : y + tall, x : x + wide] += window
        return total / share


def _parts(length: int, count: int) -> list[slice]:
    """``count`` even parts of a length, each of at least 1."""
    return [slice(begin := k * length // count, max((k + 1) * length // count, begin + 1)) for k in range(count)]


def _side(length: int, count: int) -> int:
    return min(length, -(-2 * length // (count + 1)))


def _starts(length: int, count: int) -> list[int]:
    if count == 1:
        return [0]
    return [round(k * (length - _side(length, count)) / (count - 1)) for k in range(count)]


def _windows(starts: list[int], side: int, length: int) -> Tensor:
    """(count, side): tents that stay flat to the ends of the picture, normalised to sum to 1."""
    tents = _tent(side).repeat(len(starts), 1)
    tents[0, : side // 2] = 1
    tents[-1, (side + 1) // 2 :] = 1
    total = torch.zeros(length)
    for start, tent in zip(starts, tents, strict=True):
        total[start : start + side] += tent
    return torch.stack([t / total[s : s + side] for s, t in zip(starts, tents, strict=True)])


def _tent(side: int) -> Tensor:
    place = (torch.arange(side) + 0.5) / side
    return torch.sin(torch.pi * place).square().clamp_min(1e-4)
