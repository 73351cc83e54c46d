"""Reliability of a flow and occlusion, by its photometric mismatch and the forward-backward check."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.warp import inside, sample, sampling_grid, warp
from vsdeblur.tensors import box

MISMATCH = 0.06  # photometric mismatch (display values, mean over a patch) at which reliability is one half
INCONSISTENCY = 4.0  # the same for forward-backward disagreement, pixels at the resolution of the flow
_PATCH = 7
_COARSE = 31  # pixels: detail is finer


def link(
    a: Tensor, b: Tensor, forward: Tensor, backward: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Visibility and reliability of the flows between two frames.

    With m the photometric mismatch and g = |there(x) + back(x + there(x))| the forward-backward disagreement,

        visibility = 1 / (1 + (g^2 / (0.1 (|there|^2 + |back|^2) + 4))^2)
        reliability = 1 / ((1 + (m / MISMATCH)^2) (1 + (g / INCONSISTENCY)^2))

    Args:
        a: (C, h, w) display values.
        b: the same.
        forward: (2, h, w) pixels, a -> b.
        backward: (2, h, w) pixels, b -> a.

    Returns:
        (visibility in the other frame, reliability), each (h, w) in [0, 1], for a -> b and for b -> a.

    References:
        Sundaram, Brox, Keutzer: Dense point trajectories by GPU-accelerated large displacement optical flow, ECCV 2010:
        the disagreement that a flow's own length allows.
    """

    def one_way(x: Tensor, y: Tensor, there: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
        moved = warp(torch.cat((y, back))[None], there[None], "bilinear")[0]
        mismatch = box((moved[:-2] - x).abs().mean(0, keepdim=True)[None], _PATCH)[0, 0]
        disagreement = (there + moved[-2:]).square().sum(0)
        reliability = 1 / ((1 + (mismatch / MISMATCH) ** 2) * (1 + disagreement / INCONSISTENCY**2))
        allowed = 0.1 * (there.square().sum(0) + moved[-2:].square().sum(0)) + 4.0
        return 1 / (1 + (disagreement / allowed) ** 2), reliability

    return one_way(a, b, forward, backward), one_way(b, a, backward, forward)


def normalised_residual(a: Tensor, b: Tensor, flow: Tensor) -> Tensor:
    """sum (b(x + flow(x)) - a(x))^2 / sum (detail of a)^2 where both frames show the place, ().

    Detail is a less its mean over 31 x 31 pixels. a, b: (C, h, w); flow: (2, h, w) pixels.
    """
    grid = sampling_grid(flow[None])
    both = inside(grid)[0]
    moved = sample(b[None], grid, "bilinear")[0]
    detail = a - box(a[None], _COARSE)[0]
    return ((moved - a).square() * both).sum() / (detail.square() * both).sum().clamp(min=1e-9)


def consistency(flow: Tensor, opposite: Tensor, grid: Tensor) -> Tensor:
    """The forward-backward check,  exp(-g^2 / (0.25 + 0.01 (|flow|^2 + |back|^2))): (B, 1, H, W) in [0, 1].

    g = |flow(x) + back(x + flow(x))|; half a pixel and a tenth of the motion are tolerated.

    Args:
        flow: (B, 2, H, W) pixels.
        opposite: (B, 2, H, W) pixels, the flow back.
        grid: ``sampling_grid`` of ``flow``.
    """
    returned = sample(opposite, grid, "bilinear")
    gap = (flow + returned).square().sum(dim=1, keepdim=True)
    motion = flow.square().sum(dim=1, keepdim=True) + returned.square().sum(dim=1, keepdim=True)
    return torch.exp(-gap / (0.25 + 0.01 * motion))


def photometric(d: Tensor, tolerance: float) -> Tensor:
    """exp(-|d|^2 / (2 tolerance^2)) of residuals d (B, C, H, W), |d|^2 averaged over 3 x 3 pixels: (B, 1, H, W)."""
    square = F.avg_pool2d(d.square().mean(dim=1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
    return torch.exp(-square / (2 * tolerance**2))
