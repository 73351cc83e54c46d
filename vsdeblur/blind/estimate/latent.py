"""The strong edges of the sharp picture, given the blur: the expectation step that needs no training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.operators.fourier import fast_length, transfer
from vsdeblur.blind.operators.protocol import Blur

_STEEPEST = 1e5  # the largest weight of the splitting
_REFILL = 5  # steps between two updates of the pixels around the picture


@dataclass(frozen=True, slots=True)
class StrongEdges:
    """An ``Expectation``: ``strong_edges`` of count x count overlapping pieces, each under the kernel of its middle.

    Attributes:
        count: Pieces along each side.
        weight: Price of an edge in pictures of little noise: the squared step in value from which on it is kept,
            roughly.
        noisy: Price of an edge over sigma^2 in pictures of more noise.
        first: Factor of the price at progress 0: fine detail fits any blur.
    """

    count: int = 1
    weight: float = 1e-3
    noisy: float = 20.0
    first: float = 10.0

    def __call__(self, v: Tensor, blur: Blur, sigma: float, progress: float = 1.0) -> Tensor:
        """The sharp picture, reduced to its strong edges.

        Args:
            v: (1, 1, H, W), display values.
            blur: Of that size.
            sigma: Standard deviation of v's noise.
            progress: Of the estimate, 0 to 1.

        Returns:
            u, (1, 1, H + 2 margin, W + 2 margin).
        """
        patches = Patches.over(blur.size, self.count)
        kernels = blur.kernels(patches.middles).to(v)
        price = self.price(sigma) * self.first ** (1 - progress)
        return patches.join(strong_edges(patches.cut(v), kernels, price), blur.margin)

    def price(self, sigma: float) -> float:
        """The price of an edge at progress 1, for noise of deviation ``sigma``."""
        return max(self.weight, self.noisy * sigma**2)


def strong_edges(v: Tensor, kernels: Tensor, weight: float) -> Tensor:
    """argmin_u  ||k u - v||^2 + weight |D u|_0, by half-quadratic splitting.

    What lies around v is unknown: it starts as a linear ramp from each border to the opposite one, and is then replaced
    by the prediction of the current u (EM over missing pixels).

    Args:
        v: (P, 1, H, W), values in [0, 1].
        kernels: (P, n, n), correlated.
        weight: The squared step in value from which on an edge is kept, roughly.

    Returns:
        u, (P, 1, H + 2m, W + 2m), m = n // 2.

    References:
        Xu, Zheng and Jia 2013.
    """
    m = kernels.shape[-1] // 2
    height, width = v.shape[-2:]
    size = (fast_length(height + 2 * m), fast_length(width + 2 * m))
    around = _passage(v, m, size)
    known = F.pad(torch.ones_like(v[:1]), (m, size[1] - width - m, m, size[0] - height - m))
    blur = transfer(kernels, size)[:, None]
    power = blur.abs().square()
    slope = _slopes(size, v)
    u, seen = around, blur.conj() * torch.fft.rfft2(around)
    beta, step = 2 * weight, 0
    while beta < _STEEPEST:
        right, down = u.roll(-1, -1) - u, u.roll(-1, -2) - u
        kept = (right.square() + down.square() > weight / beta).to(u)
        right, down = right * kept, down * kept
        divergence = right.roll(1, -1) - right + down.roll(1, -2) - down
        spectrum = (seen + beta * torch.fft.rfft2(divergence)) / (power + beta * slope)
        u = torch.fft.irfft2(spectrum, s=size)
        step += 1
        if step % _REFILL == 0:
            predicted = torch.fft.irfft2(spectrum * blur, s=size)
            around = torch.lerp(predicted, around, known)
            seen = blur.conj() * torch.fft.rfft2(around)
        beta *= 2
    return u[..., : height + 2 * m, : width + 2 * m]


def _slopes(size: tuple[int, int], like: Tensor) -> Tensor:
    """|D(f)|^2 at the frequencies of rfft2."""
    down = 2 - 2 * torch.cos(2 * torch.pi * torch.fft.fftfreq(size[0], device=like.device))
    right = 2 - 2 * torch.cos(2 * torch.pi * torch.fft.rfftfreq(size[1], device=like.device))
    return (down[:, None] + right[None]).to(like)


def _passage(v: Tensor, m: int, size: tuple[int, int]) -> Tensor:
    """v at (m, m) in a torus of ``size``, with a linear ramp from each border to the opposite one."""

    def along(x: Tensor, total: int) -> Tensor:  # the last axis
        gap = total - x.shape[-1]
        share = (torch.arange(gap, device=x.device, dtype=x.dtype) + 1) / (gap + 1)
        filled = torch.cat((x, torch.lerp(x[..., -1:], x[..., :1], share)), -1)
        return filled.roll(m, -1)

    return along(along(v, size[1]).transpose(-1, -2), size[0]).transpose(-1, -2)
