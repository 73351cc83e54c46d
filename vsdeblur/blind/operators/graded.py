"""A blur that changes slowly over the picture: kernels mixed by shares that are known on a coarse grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.pixelwise import PixelwiseBlur


@dataclass(frozen=True, slots=True, eq=False)
class GradedBlur:
    """``PixelwiseBlur`` whose weights are interpolated where they are needed: a part of a large picture takes no room
    for the rest of it.

    basis: (1, K, n, n). shares: (1, K, h, w), their middles spread evenly over the picture of size (H, W); corners are
    the picture's. A ``Blur``.
    """

    basis: Tensor
    shares: Tensor
    size: tuple[int, int]

    @property
    def margin(self) -> int:
        return self.basis.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        return self._whole(u)

    def adjoint(self, v: Tensor) -> Tensor:
        """See ``Blur``."""
        return self._whole.adjoint(v)

    def kernels(self, points: Tensor) -> Tensor:
        """See ``Blur``."""
        height, width = self.size
        place = torch.stack((2 * points[:, 0] / (width - 1) - 1, 2 * points[:, 1] / (height - 1) - 1), -1)
        weights = F.grid_sample(self.shares, place[None, None].to(self.shares), align_corners=True)[0, :, 0]
        return torch.einsum("kp,knm->pnm", weights, self.basis[0])

    def part(self, rows: slice, columns: slice) -> PixelwiseBlur:
        """See ``Blur``."""
        down, across = (_between(s, n, self.shares) for s, n in zip((rows, columns), self.size, strict=True))
        place = torch.stack((across.expand(len(down), -1), down[:, None].expand(-1, len(across))), -1)
        return PixelwiseBlur(self.basis, F.grid_sample(self.shares, place[None], align_corners=True))

    @property
    def _whole(self) -> PixelwiseBlur:
        return self.part(slice(None), slice(None))


def _between(part: slice, length: int, like: Tensor) -> Tensor:
    """Where the pixels of ``part`` lie between -1 and 1, the first and the last pixel of ``length``."""
    first, last, _ = part.indices(length)
    return torch.arange(first, last, device=like.device, dtype=like.dtype) * (2 / (length - 1)) - 1
