"""Neighbouring frames as one frame sees them: moved along the motion that the solver knows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsdeblur.flow.motion import displacement
from vsdeblur.flow.warp import inside, sample, sampling_grid


def aligned(frames: Tensor, n: int, path: Tensor, occlusion: Tensor, spans: Sequence[float], reach: int = 2) -> Tensor:
    """(2 reach + 1, C, H, W): frames n - reach to n + reach of (T, C, H, W), each moved to where frame n is.

    path, occlusion: (T, 4 or 6, H, W) and (T, 2, H, W) as in ``Motion``, at full resolution. spans: as in ``Window``.
    What frame n shows and a neighbour does not, because it is hidden there, lies outside or beyond a cut, is filled in
    from frame n itself: a denoiser gains nothing there, and nothing strange is mixed in.
    """
    here = frames[n : n + 1]
    out = [here] * (2 * reach + 1)
    for side, step in ((0, 1), (1, -1)):
        way, seen = torch.zeros_like(path[:1, :2]), torch.ones_like(occlusion[:1, :1])
        for k in range(1, reach + 1):
            last, this = n + (k - 1) * step, n + k * step
            if not 0 <= this < len(frames):
                break
            onward = displacement(path[last : last + 1], 1.0 if step > 0 else -spans[last])
            visible = occlusion[last : last + 1, side : side + 1]
            if k > 1:
                grid = sampling_grid(way)
                onward, visible = sample(onward, grid, "bilinear"), sample(visible, grid, "bilinear")
            way = way + onward
            grid = sampling_grid(way)
            seen = seen * visible * inside(grid)
            out[reach + k * step] = torch.lerp(here, sample(frames[this : this + 1], grid), seen)
    return torch.cat(out)
