"""Blurs of overlapping patches, joined to the blur of the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.tiles import Tile


@dataclass(frozen=True, slots=True, eq=False)
class PatchedBlur:
    """A blur with an operator a patch, blended where patches overlap: a ``Blur``.

        v = sum_j w_j (A_j u)

    Attributes:
        size: (H, W) of v.
        patches: Rectangles of v with weights w_j, whose sum is 1 in every pixel, and the blur A_j of each. All blurs
            have the same margin.
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
        """A' v, see ``Blur.adjoint``."""
        height, width = (n + 2 * self.margin for n in self.size)
        u = v.new_zeros(*v.shape[:2], height, width)
        for tile, blur in self.patches:
            u[..., *self._around(tile)] += blur.adjoint(v[..., tile.rows, tile.columns] * tile.weight.to(v))
        return u

    def kernels(self, points: Tensor) -> Tensor:
        """Kernels at pixels of v, the weighted sum of those of the patches there; see ``Blur.kernels``."""
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
        """The blur of a rectangle of v, see ``Blur.part``.

        Returns:
            A blur of the patches that overlap the rectangle with a weight above 0; that patch's own blur where a single
            one covers all of it.
        """
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


def _common(first: slice, second: slice) -> tuple[slice, slice] | None:
    """The intersection of two spans, relative to the start of the first and of the second; None where it is empty."""
    begin, end = max(first.start, second.start), min(first.stop, second.stop)
    if begin >= end:
        return None
    return slice(begin - first.start, end - first.start), slice(begin - second.start, end - second.start)
