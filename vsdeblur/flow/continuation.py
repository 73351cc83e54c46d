"""Temporal continuation: where the flow of a pair fails, that of the pair beside it is tried.

A small fast object is found in some pairs of frames and lost in others. At frame n the flow back to n - 1, reversed,
predicts the flow to n + 1: constant velocity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.flow.motion import PairwiseFlow
from vsdeblur.flow.warp import warp
from vsdeblur.tensors import box

BETTER = 0.85  # a predicted flow is taken where it leaves less than this share of the mismatch
NOTICED = 4 / 255  # mismatch below this is noise
FEWEST = 2e-4  # share of the picture that must gain before the flow engine runs again
_PATCH = 5


def continued(flow: PairwiseFlow, a: Tensor, b: Tensor, found: Tensor, predicted: Tensor) -> Tensor:
    """The flow a -> b: ``found``, or where it explains b far better ``predicted``, corrected by the flow engine.

    Args:
        flow: the engine.
        a: (C, h, w), a picture that the engine takes.
        b: the same.
        found: (2, h, w) pixels, a(x) = b(x + found(x)).
        predicted: (2, h, w) pixels, by the flow of the pair beside.
    """
    before = mismatch(a, b, found)
    if not (_gains(before, mismatch(a, b, predicted)).mean() >= FEWEST):
        return found
    moved = warp(b[None], predicted[None], "bilinear")[0].contiguous()
    rest = flow(a, moved)
    corrected = rest + warp(predicted[None], rest[None], "bilinear")[0]
    closer = mismatch(a, b, corrected) < mismatch(a, b, predicted)
    other = torch.where(closer, corrected, predicted)
    return torch.where(box(_gains(before, mismatch(a, b, other))[None, None], _PATCH)[0, 0] > 0.5, other, found)


def mismatch(a: Tensor, b: Tensor, flow: Tensor) -> Tensor:
    """|b(x + flow(x)) - a(x)|, mean over channels and a patch: (h, w) of a, b (C, h, w) and flow (2, h, w)."""
    return box((warp(b[None], flow[None], "bilinear") - a).abs().mean(1, keepdim=True), _PATCH)[0, 0]


def _gains(before: Tensor, after: Tensor) -> Tensor:
    return ((after < BETTER * before) & (before > NOTICED)).to(before.dtype)
