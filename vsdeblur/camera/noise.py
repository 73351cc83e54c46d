"""How noisy the blurry frames are, from themselves."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

QUANTISATION = 12**-0.5 / 255  # the standard deviation of rounding to 8 bits
_BLOCKS = 2  # rows of blocks looked at together


def noise_level(v: Tensor) -> float:
    """The standard deviation of white noise in v (N, C, H, W), never below that of rounding to 8 bits.

    A high-pass that cancels planes and straight edges (Immerkaer 1996); the median of its magnitude in each 16 x 16
    block, and of those the level of the calmest fiftieth, where there is least texture to mistake for noise. One number
    for all of v.
    """
    if min(v.shape[-2:]) < 16:
        return QUANTISATION
    mask = torch.tensor([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=v.dtype, device=v.device) / 6
    size = min(16, min(v.shape[-2:]) - 2)

    def medians(part: torch.Tensor) -> torch.Tensor:
        high = F.conv2d(part[:, None], mask[None, None]).abs()
        return F.unfold(high, size, stride=size).median(dim=1).values.flatten()

    # By bands of whole blocks: the temporaries, ten times what they are made from, stay small.
    bands = range(0, v.shape[-2] - 2 - size + 1, _BLOCKS * size)
    level = torch.cat([medians(frame[:, y : y + _BLOCKS * size + 2]) for frame in v for y in bands]).quantile(0.02)
    # The median of |g| is 0.6745 sigma for Gaussian g; the second percentile of such medians lies 14% lower.
    return max(float(level) / (0.86 * 0.6745), QUANTISATION)
