"""Backward warping,  (W x)(p) = x(p + flow(p)),  and its exact adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vsdeblur import native

Kernel = Literal["bilinear", "bicubic"]
_MODES = {"bilinear": 0, "bicubic": 2}
_BORDER = 1  # sample the nearest edge pixel outside the picture


def sampling_grid(flow: Tensor, top: int = 0, height: int | None = None) -> Tensor:
    """Normalised sampling positions, (B, H, W, 2), of x + flow(x) for flow (B, 2, H, W) in pixels (x, then y).

    top, height: the flow is that of the rows from ``top`` on of a picture that is ``height`` rows high.
    """
    rows, width = flow.shape[-2:]
    height = rows if height is None else height
    unit_x, unit_y = 2 / max(width - 1, 1), 2 / max(height - 1, 1)
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)[None, :] * unit_x - 1
    y = torch.arange(top, top + rows, dtype=flow.dtype, device=flow.device)[:, None] * unit_y - 1
    return torch.stack((torch.add(x, flow[:, 0], alpha=unit_x), torch.add(y, flow[:, 1], alpha=unit_y)), dim=-1)


def sample(image: Tensor, grid: Tensor, kernel: Kernel = "bicubic") -> Tensor:
    """image (B, C, H, W) at the positions of ``sampling_grid``."""
    if _native(image, grid, image.shape):
        return native.sample(image, grid, cubic=kernel == "bicubic")
    sampled: Tensor = torch.ops.aten.grid_sampler_2d(image, grid, _MODES[kernel], _BORDER, True)
    return sampled


def sample_adjoint(image: Tensor, grid: Tensor, kernel: Kernel = "bicubic", onto: Tensor | None = None) -> Tensor:
    """The transpose of ``sample`` for the same grid: <sample(x), y> = <x, sample_adjoint(y)>, without autograd.

    onto: anything of the shape of x, where that is not the shape of the image.
    """
    like = image if onto is None else onto
    if _native(image, grid, like.shape) and image.shape[2:] == grid.shape[1:3]:
        return native.spread(image, grid, kernel == "bicubic", (like.shape[2], like.shape[3]))
    # The second argument only gives the shape of the result as long as no gradient of the grid is asked, but its values
    # are read all the same: a single one, which stays in the cache, saves up to half of the time.
    shape = image.new_zeros(1).expand(like.shape)
    gradient: Tensor = torch.ops.aten.grid_sampler_2d_backward(
        image, shape, grid, _MODES[kernel], _BORDER, True, [True, False]
    )[0]
    return gradient


def _native(image: Tensor, grid: Tensor, size: Sequence[int]) -> bool:
    """Whether the native kernels take this; else torch does, which also says what is wrong with the shapes."""
    fits = image.ndim == 4 and grid.ndim == 4 and grid.shape[3] == 2 and image.shape[0] == grid.shape[0]
    return fits and min(size[2:]) > 1 and native.takes(image, grid)


def warp(image: Tensor, flow: Tensor, kernel: Kernel = "bicubic", top: int = 0) -> Tensor:
    """(W x)(p) = x(p + flow(p)), edge pixels repeated outside.

    Args:
        image: (B, C, H, W).
        flow: (B, 2, h, W) in pixels.
        kernel: Of the interpolation.
        top: The flow is that of the h rows from ``top`` on.

    Returns:
        (B, C, h, W).
    """
    fits = flow.ndim == 4 and flow.shape[1] == 2 and image.ndim == 4 and image.shape[0] == flow.shape[0]
    if fits and image.shape[3] == flow.shape[3] and min(image.shape[2:]) > 1 and native.takes(image, flow):
        return native.warp(image, flow, kernel == "bicubic", top)
    return sample(image, sampling_grid(flow, top, image.shape[-2]), kernel)


def warp_adjoint(y: Tensor, flow: Tensor, kernel: Kernel = "bicubic") -> Tensor:
    """The transpose of ``warp`` of all rows: y (B, C, H, W), flow (B, 2, H, W) in pixels."""
    fits = flow.ndim == 4 and flow.shape[1] == 2 and y.ndim == 4 and y.shape[0] == flow.shape[0]
    if fits and y.shape[2:] == flow.shape[2:] and min(y.shape[2:]) > 1 and native.takes(y, flow):
        return native.warp_adjoint(y, flow, kernel == "bicubic")
    return sample_adjoint(y, sampling_grid(flow), kernel)


def inside(grid: Tensor) -> Tensor:
    """(B, 1, H, W): 1 where the sampling position lies in the picture, 0 where an edge pixel would stand in."""
    return (grid.abs() <= 1 + 1e-6).all(dim=-1)[:, None].to(grid.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """W, a ``LinearOperator``: pictures (B, C, H, W) sampled at the positions of ``sampling_grid``.

    Attributes:
        grid: (B, H, W, 2).
        kernel: of the interpolation. "bicubic" keeps fine detail better, and its negative lobes let ||W|| exceed 1.
    """

    grid: Tensor
    kernel: Kernel = "bicubic"

    def __call__(self, x: Tensor) -> Tensor:
        """W x."""
        return sample(x, self.grid, self.kernel)

    def adjoint(self, y: Tensor) -> Tensor:
        """W' y."""
        return sample_adjoint(y, self.grid, self.kernel)
