"""Efficient filter flow: overlapping patches with a kernel each, blended by windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.fourier import fast_length, transfer
from vsdeblur.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class FilterFlow:
    """A spatially varying blur with one kernel a node: a ``Blur``.

        v = sum_r w_r * (k_r correlated with u)

    w_r falls linearly from 1 at its node to 0 at the next, so that kernels are interpolated bilinearly between nodes.
    The windows lie on the side of v. Every patch goes through an FFT of its own, one row of patches at a time: memory
    does not grow with R.

    Attributes:
        kernels_at: (R, S, n, n), n odd. Node (r, s) lies at pixel origin + spacing * (r, s) of v, (y, x).
        size: (H, W) of v. The nodes reach to its borders or past them.
        spacing: Distance of neighbouring nodes, pixels.
        origin: (y, x) of node (0, 0) in v, pixels, 0 or less.

    Raises:
        ArgumentError: kernels_at has another shape, or the nodes do not cover v.

    References:
        Hirsch et al. 2010, eq. 5.
    """

    kernels_at: Tensor
    size: tuple[int, int]
    spacing: int
    origin: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        shape = self.kernels_at.shape
        if len(shape) != 4 or shape[2] != shape[3] or shape[3] % 2 == 0:
            raise ArgumentError("kernels_at", tuple(shape), "a tensor (R, S, n, n), n odd")
        for length, count, first in zip(self.size, shape, self.origin, strict=False):
            if first > 0 or first + self.spacing * (count - 1) < length - 1:
                reach = f"nodes from {first} to {first + self.spacing * (count - 1)}"
                raise ArgumentError("kernels_at", reach, f"nodes that cover {length} pixels")

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        return self.kernels_at.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        """The blurred picture A u, (B, C, H, W), of u (B, C, H + 2 margin, W + 2 margin)."""
        v = u.new_zeros(*u.shape[:2], *self._room(0))
        room = self._padded(u, self.margin)
        for r, rows in self._rows(self.margin):
            spectra = torch.fft.rfft2(self._patches(room[..., rows, :], self.margin), s=(self._side, self._side))
            seen = torch.fft.irfft2(spectra * self._transfer[r], s=(self._side, self._side))
            inner = slice(self.margin, self.margin + 2 * self.spacing)
            self._joined(seen[..., inner, inner] * self._window(u), v[..., self._span(r, 0), :])
        return self._cropped(v, 0)

    def adjoint(self, v: Tensor) -> Tensor:
        """A' v, see ``Blur.adjoint``."""
        m = self.margin
        u = v.new_zeros(*v.shape[:2], *self._room(m))
        room = self._padded(v, 0)
        for r, rows in self._rows(0):
            seen = F.pad(self._patches(room[..., rows, :], 0) * self._window(v), (m, m, m, m))
            spectra = torch.fft.rfft2(seen, s=(self._side, self._side)) * self._transfer[r].conj()
            whole = slice(0, 2 * self.spacing + 2 * m)
            spread = torch.fft.irfft2(spectra, s=(self._side, self._side))[..., whole, whole]
            self._joined(spread, u[..., self._span(r, m), :])
        return self._cropped(u, m)

    def kernels(self, points: Tensor) -> Tensor:
        """Kernels at pixels of v, see ``Blur.kernels``."""
        first = torch.tensor(self.origin[::-1]).to(points)
        at = (points - first).to(self.kernels_at) / self.spacing
        x, y = at.T
        limits = self.kernels_at.shape[1] - 2, self.kernels_at.shape[0] - 2
        left, top = (n.floor().clamp(0, max(last, 0)).long() for n, last in zip((x, y), limits, strict=True))
        out = torch.zeros_like(self.kernels_at[0, 0]).repeat(len(points), 1, 1)
        for r in (top, (top + 1).clamp(max=self.kernels_at.shape[0] - 1)):
            for s in (left, (left + 1).clamp(max=self.kernels_at.shape[1] - 1)):
                share = (1 - (x - s).abs()).clamp(min=0) * (1 - (y - r).abs()).clamp(min=0)
                out += share[:, None, None] * self.kernels_at[r, s]
        return out

    def part(self, rows: slice, columns: slice) -> FilterFlow:
        """The blur of a rectangle of v, with the nodes around it alone; see ``Blur.part``."""
        kept, size, origin = [], [], []
        for length, cut, first in zip(self.size, (rows, columns), self.origin, strict=True):
            begin, end, _ = cut.indices(length)
            low, high = (begin - first) // self.spacing, -(-(end - 1 - first) // self.spacing)
            kept.append(slice(low, high + 1))
            size.append(end - begin)
            origin.append(first + low * self.spacing - begin)
        return FilterFlow(self.kernels_at[kept[0], kept[1]], (size[0], size[1]), self.spacing, (origin[0], origin[1]))

    @cached_property
    def _transfer(self) -> Tensor:
        # Computed on first use: of a large picture only parts are blurred, and each part has spectra of its own.
        return transfer(self.kernels_at, (self._side, self._side))

    @property
    def _side(self) -> int:
        """Side of a patch with its margin, rounded up for the FFT."""
        return fast_length(2 * (self.spacing + self.margin))

    def _room(self, margin: int) -> tuple[int, int]:
        """Size of the union of all patches, each with ``margin``."""
        rows, columns = self.kernels_at.shape[:2]
        return (rows + 1) * self.spacing + 2 * margin, (columns + 1) * self.spacing + 2 * margin

    def _padded(self, x: Tensor, margin: int) -> Tensor:
        """x, which is v or (with its margin) u, in zeros of the size of the union of all patches."""
        room = x.new_zeros(*x.shape[:2], *self._room(margin))
        self._cropped(room, margin).copy_(x)
        return room

    def _cropped(self, room: Tensor, margin: int) -> Tensor:
        top, left = (self.spacing - first for first in self.origin)
        return room[..., top : top + self.size[0] + 2 * margin, left : left + self.size[1] + 2 * margin]

    def _span(self, r: int, margin: int) -> slice:
        return slice(r * self.spacing, (r + 2) * self.spacing + 2 * margin)

    def _rows(self, margin: int) -> Iterator[tuple[int, slice]]:
        return ((r, self._span(r, margin)) for r in range(self.kernels_at.shape[0]))

    def _patches(self, band: Tensor, margin: int) -> Tensor:
        """(B, C, S, p, p): patches of a band (B, C, p, ...), p = 2 spacing + 2 margin."""
        return band.unfold(-1, 2 * self.spacing + 2 * margin, self.spacing).permute(0, 1, 3, 2, 4)

    def _joined(self, patches: Tensor, band: Tensor) -> None:
        """Add patches (B, C, S, p, p) to their places in a band, in place."""
        for s in range(patches.shape[2]):
            band[..., s * self.spacing : s * self.spacing + patches.shape[-1]] += patches[:, :, s]

    def _window(self, like: Tensor) -> Tensor:
        ramp = 1 - torch.arange(-self.spacing, self.spacing).to(like).abs() / self.spacing
        return ramp[:, None] * ramp
