"""Temporal continuation: where the flow of a pair fails, that of the pair beside it is tried.

A small fast object is found in some pairs of frames and lost in others. At frame n the flow back to n - 1, reversed,
predicts the flow to n + 1: constant velocity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vsdeblur.flow.together import Flows
from vsdeblur.flow.warp import warp
from vsdeblur.tensors import box

BETTER = 0.85  # a predicted flow is taken where it leaves less than this share of the mismatch
NOTICED = 4 / 255  # mismatch below this is noise
FEWEST = 2e-4  # share of the picture that must gain before the flow engine runs again
_PATCH = 5


class Prediction(NamedTuple):
    """What may be the flow a -> b.

    Attributes:
        a: (C, h, w), a picture that the flow engine takes.
        b: The same.
        found: (2, h, w) pixels, a(x) = b(x + found(x)), by the engine.
        predicted: (2, h, w) pixels, by the flow of the pair beside.
    """

    a: Tensor
    b: Tensor
    found: Tensor
    predicted: Tensor


def continued(flows: Flows, tried: Sequence[Prediction]) -> list[Tensor]:
    """Of each the flow a -> b: as found, or where it is far better as predicted and corrected by the flow engine."""
    if not tried:
        return []
    gains = [_gains(mismatch(a, b, found), mismatch(a, b, predicted)).mean() for a, b, found, predicted in tried]
    better = [one.found for one in tried]
    worth = [n for n, gain in enumerate(torch.stack(gains).tolist()) if gain >= FEWEST]
    moved = [warp(tried[n].b[None], tried[n].predicted[None], "bilinear")[0].contiguous() for n in worth]
    rests = flows([(tried[n].a, b) for n, b in zip(worth, moved, strict=True)])
    for n, rest in zip(worth, rests, strict=True):
        better[n] = _corrected(tried[n], rest)
    return better


def _corrected(one: Prediction, rest: Tensor) -> Tensor:
    """The flow with what the engine finds beyond the prediction, ``rest``, where that is better."""
    a, b, found, predicted = one
    corrected = rest + warp(predicted[None], rest[None], "bilinear")[0]
    closer = mismatch(a, b, corrected) < mismatch(a, b, predicted)
    other = torch.where(closer, corrected, predicted)
    gains = _gains(mismatch(a, b, found), mismatch(a, b, other))
    return torch.where(box(gains[None, None], _PATCH)[0, 0] > 0.5, other, found)


def mismatch(a: Tensor, b: Tensor, flow: Tensor) -> Tensor:
    """|b(x + flow(x)) - a(x)|, mean over channels and a patch: (h, w) of a, b (C, h, w) and flow (2, h, w)."""
    return box((warp(b[None], flow[None], "bilinear") - a).abs().mean(1, keepdim=True), _PATCH)[0, 0]


def _gains(before: Tensor, after: Tensor) -> Tensor:
    return ((after < BETTER * before) & (before > NOTICED)).to(before.dtype)
