"""Correlation through the FFT."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def transfer(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W // 2 + 1): what correlation with kernel (..., n, n) multiplies the rfft2 of a picture of size by."""
    n = kernel.shape[-1]
    placed = F.pad(kernel, (0, size[1] - n, 0, size[0] - n)).roll((-(n // 2), -(n // 2)), (-2, -1))
    spectrum: Tensor = torch.fft.rfft2(placed).conj()
    return spectrum


def fast_length(n: int) -> int:
    """The next even length from n on without a prime factor above 5: a prime length takes six times as long."""
    length = n + n % 2
    while _rest(length) > 1:
        length += 2
    return length


def _rest(n: int) -> int:
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n
