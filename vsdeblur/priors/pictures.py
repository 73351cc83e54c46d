"""What every denoising network wants: three channels, a size that it can take."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def colours(channels: int) -> int:
    """How many of 1 to 4 channels are colour: with 2 or 4 of them the last one is alpha."""
    return channels - (channels + 1) % 2


def padded(x: Tensor, align: int) -> Tensor:
    """x (B, C, H, W) with its last row and column repeated up to multiples of ``align``."""
    height, width = x.shape[-2:]
    margin = (0, -width % align, 0, -height % align)
    return F.pad(x, margin, mode="replicate") if any(margin) else x


def in_colour(x: Tensor, align: int) -> Tensor:
    """(B, 3, h, w): the colours of x (B, C, H, W), one channel as three equal ones, padded."""
    return padded(x[:, : colours(x.shape[1])], align).expand(-1, 3, -1, -1)


def as_given(found: Tensor, given: Tensor) -> Tensor:
    """``found`` (B, 3, h, w) with the size and the channels of ``given`` (B, C, H, W), whose alpha it keeps."""
    count = colours(given.shape[1])
    found = found[..., : given.shape[-2], : given.shape[-1]]
    found = found.mean(1, keepdim=True) if count == 1 else found
    return torch.cat((found, given[:, count:]), 1)
