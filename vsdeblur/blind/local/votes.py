"""What a network's votes for each direction and length say."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vsdeblur.blind.local.lags import DIRECTIONS
from vsdeblur.blind.local.local_net import LENGTHS

_BESIDE = 1  # steps around the best motion that are averaged


def motion_of(votes: Tensor) -> tuple[float, float, float]:
    """The angle and the length of a motion, and how likely it is.

    Args:
        votes: (DIRECTIONS, lengths), logarithms, unnormalised.
    """
    chance = votes.flatten().softmax(0).view_as(votes)
    best = int(chance.argmax())
    turn, far = best // len(LENGTHS), best % len(LENGTHS)
    around = torch.arange(-_BESIDE, _BESIDE + 1)
    columns = (far + around).clamp(0, len(LENGTHS) - 1).unique()
    near = chance[(turn + around) % DIRECTIONS][:, columns]
    sure = float(near.sum())
    angle = (turn + float((near.sum(1) * around).sum()) / sure) * math.pi / DIRECTIONS
    return angle % math.pi, float((near.sum(0) * LENGTHS[columns]).sum()) / sure, sure
