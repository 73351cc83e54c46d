"""How far a flow may be trusted and where a point is hidden in the other frame: by what it leaves, by its return."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.warp import inside, sample, sampling_grid, warp
from vsdeblur.tensors import box

MISMATCH = 0.06  # photometric mismatch (display values, mean over a patch) at which trust has fallen to one half
INCONSISTENCY = 4.0  # the same for forward-backward disagreement, pixels at the resolution of the flow
_PATCH = 7
_COARSE = 31  # pixels: detail is finer


def link(
    a: Tensor, b: Tensor, forward: Tensor, backward: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(visible in the other frame, trust), each (h, w), for a -> b and for b -> a."""

    def one_way(x: Tensor, y: Tensor, there: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
        moved = warp(torch.cat((y, back))[None], there[None], "bilinear")[0]
        mismatch = box((moved[:-2] - x).abs().mean(0, keepdim=True)[None], _PATCH)[0, 0]
        disagreement = (there + moved[-2:]).square().sum(0)
        trust = 1 / ((1 + (mismatch / MISMATCH) ** 2) * (1 + disagreement / INCONSISTENCY**2))
        # Sundaram, Brox and Keutzer (ECCV 2010): what disagrees by more than its own length allows is hidden there.
        allowed = 0.1 * (there.square().sum(0) + moved[-2:].square().sum(0)) + 4.0
        return 1 / (1 + (disagreement / allowed) ** 2), trust

    return one_way(a, b, forward, backward), one_way(b, a, backward, forward)


def left(a: Tensor, b: Tensor, there: Tensor) -> Tensor:
    """What b (C, h, w) moved by ``there`` (2, h, w) leaves of a where both show it, over the power of a's detail."""
    grid = sampling_grid(there[None])
    both = inside(grid)[0]
    moved = sample(b[None], grid, "bilinear")[0]
    detail = a - box(a[None], _COARSE)[0]
    return ((moved - a).square() * both).sum() / (detail.square() * both).sum().clamp(min=1e-9)


def consistency(flow: Tensor, opposite: Tensor, grid: Tensor) -> Tensor:
    """(B, 1, H, W) in [0, 1]: how far going there and coming back returns to the start (forward-backward check).

    Tolerates half a pixel and a tenth of the motion.
    """
    returned = sample(opposite, grid, "bilinear")
    gap = (flow + returned).square().sum(dim=1, keepdim=True)
    motion = flow.square().sum(dim=1, keepdim=True) + returned.square().sum(dim=1, keepdim=True)
    return torch.exp(-gap / (0.25 + 0.01 * motion))


def photometric(d: Tensor, tolerance: float) -> Tensor:
    """(B, 1, H, W) in (0, 1]: lower where the residual (B, C, H, W), smoothed a little, exceeds the tolerance."""
    square = F.avg_pool2d(d.square().mean(dim=1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
    return torch.exp(-square / (2 * tolerance**2))
