"""The residual block of the networks of motion."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class RectifiedBlock(nn.Module):
    """leaky(x + conv(leaky(conv(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The block of x (N, C, H, W)."""
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), 0.1)), 0.1)
