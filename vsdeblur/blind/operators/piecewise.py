"""Planes at several depths, each with a motion of its own, with occlusion of the far ones by the near ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.errors import ArgumentError
from vsdeblur.flow.warp import sample, sample_adjoint
from vsdeblur.tensors import greatest

GENEROUS = 2  # pixels by which mattes that were estimated reach beyond the things
_HIDDEN = 0.02  # share of the exposure in which a hidden plane is seen


@dataclass(frozen=True, slots=True, eq=False)
class PiecewiseBlur:
    """The blur of P planes that move and occlude one another: a ``LayeredBlur``.

        v(x) = sum_t w_t sum_p s_p(x, t) u_p(H_pt x),     s_p(x, t) = m_p(H_pt x) prod_{q > p} (1 - m_q(H_qt x))

    Plane p has a picture u_p, a path H_p and a matte m_p. A higher p lies in front; plane 0, of matte 1, lies behind
    all others. Mattes move with their planes, so that occlusion holds at every instant of the exposure: background that
    is uncovered for part of the exposure adds the light of that part of its path alone.

    u: (B * P, C, H + 2 margin, W + 2 margin), the P planes of each picture one after the other; v: (B, C, H, W). u_p
    contributes only where its plane is visible at some instant. One instant is warped at a time.

    Attributes:
        planes: P blurs with the same number of instants, the same weights and margin; ``PiecewiseBlur.along`` makes
            them so.
        mattes: (P - 1, H + 2 margin, W + 2 margin) in [0, 1], at rest, of planes 1 to P - 1.
    """

    planes: tuple[ProjectiveBlur, ...]
    mattes: Tensor

    @classmethod
    def along(cls, paths: Sequence[Tensor], mattes: Tensor, size: tuple[int, int]) -> PiecewiseBlur:
        """The blur of P paths, with the margin of the path that reaches farthest.

        Args:
            paths: P of (T, 3, 3) homographies in pixels of v, instants of equal weight.
            mattes: (P - 1, H + 2 r, W + 2 r) in [0, 1], r >= 0 pixels around v. Where r is less than the margin their
                edge values are repeated; where it is more they are cropped.
            size: (H, W) of v.

        Raises:
            ArgumentError: mattes has another shape, or the paths differ in length.
        """
        if len({len(path) for path in paths}) != 1:
            raise ArgumentError("paths", [len(path) for path in paths], "homographies at the same instants")
        extra = [mattes.shape[-2] - size[0], mattes.shape[-1] - size[1]]
        if mattes.ndim != 3 or len(mattes) != len(paths) - 1 or extra[0] != extra[1] or extra[0] % 2 or extra[0] < 0:
            raise ArgumentError("mattes", tuple(mattes.shape), f"({len(paths) - 1}, H + 2 r, W + 2 r) for {size}")
        alone = [ProjectiveBlur.along(path, size) for path in paths]
        margin = max(blur.margin for blur in alone)
        planes = tuple(ProjectiveBlur(b.path, b.weights, size, margin) for b in alone)
        more = margin - extra[0] // 2
        wide = F.pad(mattes[None], (max(more, 0),) * 4, mode="replicate")[0]
        cut = max(-more, 0)
        return cls(planes, wide[:, cut : wide.shape[1] - cut, cut : wide.shape[2] - cut].contiguous())

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of v."""
        return self.planes[0].size

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        return self.planes[0].margin

    @property
    def count(self) -> int:
        """Number of planes, P."""
        return len(self.planes)

    def __call__(self, u: Tensor) -> Tensor:
        """The blurred picture A u, (B, C, H, W), of u (B * P, C, H + 2 margin, W + 2 margin)."""
        batch = len(u) // self.count
        planes = u.reshape(batch, self.count, *u.shape[1:])
        v = u.new_zeros(batch, *u.shape[1:2], *self.size)
        for p, grid, share in self._views(u):
            v += sample(planes[:, p], grid.expand(batch, -1, -1, -1), "bilinear").mul_(share)
        return v

    def adjoint(self, v: Tensor) -> Tensor:
        """A' v, (B * P, C, H + 2 margin, W + 2 margin), of v (B, C, H, W)."""
        m = self.margin
        u = v.new_zeros(len(v), self.count, v.shape[1], self.size[0] + 2 * m, self.size[1] + 2 * m)
        for p, grid, share in self._views(v):
            u[:, p] += sample_adjoint(v * share, grid.expand(len(v), -1, -1, -1), "bilinear", onto=u[:, p])
        return u.flatten(0, 1)

    def compose(self, u: Tensor) -> Tensor:
        """The sharp picture at rest: the planes composed by their mattes.

        Args:
            u: (B * P, C, H + 2 margin, W + 2 margin).

        Returns:
            (B, C, H, W).
        """
        m = self.margin
        planes = u.reshape(-1, self.count, *u.shape[1:])
        shown = planes[:, 0]
        for p, matte in enumerate(self.mattes.to(u), 1):
            shown = torch.lerp(shown, planes[:, p], matte)
        return shown[..., m : m + self.size[0], m : m + self.size[1]]

    def moved(self) -> Tensor:
        """(H, W): the share of the exposure in which near planes are seen, GENEROUS pixels inside their outlines."""
        inside = -greatest(-self.mattes[None], 2 * GENEROUS + 1)[0]
        return 1 - replace(self, mattes=inside).seen()[0]

    def known(self) -> Tensor:
        """(H, W) bool: False where planes are seen that others hide at rest; see ``LayeredBlur.known``."""
        m = self.margin
        hiding = self.mattes[:, m : m + self.size[0], m : m + self.size[1]].amax(0)
        return (hiding == 0) | (self.seen()[0] < _HIDDEN)

    def seen(self) -> Tensor:
        """(P, H, W): the share of the exposure in which each plane is seen at each pixel of v; they sum to 1."""
        shares = self.mattes.new_zeros(self.count, *self.size)
        for p, _, share in self._views(shares):
            shares[p] += share[0, 0]
        return shares

    def kernels(self, points: Tensor) -> Tensor:
        """Kernels at pixels of v, summed over the planes; see ``Blur.kernels``."""
        found = []
        for x, y in points.tolist():
            spread = self.part(slice(y, y + 1), slice(x, x + 1)).adjoint(self.mattes.new_ones(1, 1, 1, 1))
            found.append(spread.sum((0, 1)))
        return torch.stack(found)

    def part(self, rows: slice, columns: slice) -> PiecewiseBlur:
        """The blur of a rectangle of v, see ``Blur.part``."""
        planes = tuple(plane.part(rows, columns) for plane in self.planes)
        (top, bottom, _), (left, right, _) = rows.indices(self.size[0]), columns.indices(self.size[1])
        reach = 2 * self.margin
        return PiecewiseBlur(planes, self.mattes[:, top : bottom + reach, left : right + reach])

    def _views(self, like: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Which plane is seen, its sampling grid, and in what share of the exposure, (1, 1, H, W): at each instant.

        A far plane that stands still is seen once, in the sum of its shares.
        """
        far = self.planes[0]
        rests = bool((far.path == far.path[:1]).all())
        around = like.new_empty(1, 1, *self.mattes.shape[1:])
        total = like.new_zeros(1, 1, *self.size)
        for t, weight in enumerate(far.weights.tolist()):
            left = like.new_full((1, 1, *self.size), weight)
            for p in range(self.count - 1, 0, -1):
                grid = self.planes[p].grid(self.planes[p].path[t], around)
                share = left * sample(self.mattes[p - 1].to(like)[None, None], grid, "bilinear")
                left = left - share
                yield p, grid, share
            if rests:
                total += left
            else:
                yield 0, far.grid(far.path[t], around), left
        if rests:
            yield 0, far.grid(far.path[0], around), total
