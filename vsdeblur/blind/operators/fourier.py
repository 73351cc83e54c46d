"""Correlation through the FFT."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def transfer(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """The transfer function of a correlation: the factor of the picture's rfft2.

    Args:
        kernel: (..., n, n), n odd, its origin in the middle; n at most H and W.
        size: (H, W) of the torus.

    Returns:
        (..., H, W // 2 + 1), complex: the conjugate of the kernel's own rfft2.
    """
    n = kernel.shape[-1]
    placed = F.pad(kernel, (0, size[1] - n, 0, size[0] - n)).roll((-(n // 2), -(n // 2)), (-2, -1))
    spectrum: Tensor = torch.fft.rfft2(placed).conj()
    return spectrum


def fast_length(n: int) -> int:
    """The next length that an FFT is fast at: an odd prime length takes six times as long.

    Args:
        n: At least 1.

    Returns:
        The smallest even length >= n without a prime factor above 5.
    """
    length = n + n % 2
    while _rest(length) > 1:
        length += 2
    return length


def _rest(n: int) -> int:
    """n without its factors 2, 3 and 5."""
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n
