"""Blurs of pieces of a picture, joined to that of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.tiles import Tile


@dataclass(frozen=True, slots=True, eq=False)
class PatchedBlur:
    """v = sum_j w_j (A_j u): every piece as its own blur has it, blended where pieces overlap.

    size: (H, W) of v. patches: pieces of v with weights whose sum is 1 everywhere, and the blur of each, all with one
    margin. A ``Blur``.
    """

    size: tuple[int, int]
    patches: Sequence[tuple[Tile, Blur]]

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        return self.patches[0][1].margin

    def __call__(self, u: Tensor) -> Tensor:
        """The blurred picture A u, (B, C, H, W), of u (B, C, H + 2 margin, W + 2 margin)."""
        v = u.new_zeros(*u.shape[:2], *self.size)
        for tile, blur in self.patches:
            v[..., tile.rows, tile.columns] += blur(u[..., *self._around(tile)]) * tile.weight.to(u)
        return v

    def adjoint(self, v: Tensor) -> Tensor:
        """See ``Blur``."""
        height, width = (n + 2 * self.margin for n in self.size)
        u = v.new_zeros(*v.shape[:2], height, width)
        for tile, blur in self.patches:
            u[..., *self._around(tile)] += blur.adjoint(v[..., tile.rows, tile.columns] * tile.weight.to(v))
        return u

    def kernels(self, points: Tensor) -> Tensor:
        """See ``Blur``."""
        n = 2 * self.margin + 1
        out: Tensor | None = None
        for tile, blur in self.patches:
            x, y = points[:, 0] - tile.columns.start, points[:, 1] - tile.rows.start
            height, width = tile.weight.shape
            here = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).nonzero()[:, 0]
            found = blur.kernels(torch.stack((x[here], y[here]), 1))
            out = found.new_zeros(len(points), n, n) if out is None else out
            out[here] += tile.weight.to(found)[y[here], x[here], None, None] * found
        assert out is not None
        return out

    def part(self, rows: slice, columns: slice) -> Blur:
        """See ``Blur``: of the patches that touch it, or of the one that covers it alone."""
        rows, columns = (slice(*s.indices(n)) for s, n in zip((rows, columns), self.size, strict=True))
        kept = []
        for tile, blur in self.patches:
            down, across = _common(tile.rows, rows), _common(tile.columns, columns)
            if down is None or across is None:
                continue
            weight = tile.weight[down[0], across[0]]
            if weight.any():
                kept.append((Tile(down[1], across[1], weight), blur.part(down[0], across[0])))
        size = (rows.stop - rows.start, columns.stop - columns.start)
        if len(kept) == 1 and kept[0][1].size == size:
            return kept[0][1]
        return PatchedBlur(size, kept)

    def _around(self, tile: Tile) -> tuple[slice, slice]:
        reach = 2 * self.margin
        return slice(tile.rows.start, tile.rows.stop + reach), slice(tile.columns.start, tile.columns.stop + reach)


def _common(patch: slice, asked: slice) -> tuple[slice, slice] | None:
    """What two spans have in common, as a part of the one and of the other; None for nothing."""
    begin, end = max(patch.start, asked.start), min(patch.stop, asked.stop)
    if begin >= end:
        return None
    return slice(begin - patch.start, end - patch.start), slice(begin - asked.start, end - asked.start)
