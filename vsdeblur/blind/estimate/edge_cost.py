"""The cost of explaining a picture by strong edges under given kernels: few edges and a small misfit speak for them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.latent import StrongEdges, strong_edges
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.operators.fourier import fast_length, transfer

_EDGE = 0.01  # a step in value that counts as an edge


def cost(v: Tensor, kernels: Tensor, patches: Patches, sigma: float) -> tuple[float, Tensor]:
    """The cost ||k u - v||^2 + price |D u|_0 of the strong edges u that explain v, per pixel.

    Args:
        v: (1, 1, H, W), display values.
        kernels: (P, n, n), of each of the P pieces.
        patches: The pieces.
        sigma: Standard deviation of v's noise.

    Returns:
        The cost, and |D u|_0 of each piece, (P,), both per pixel.
    """
    edges, m = StrongEdges(), kernels.shape[-1] // 2
    pieces, windows = patches.cut(v), patches.windows
    u = strong_edges(pieces, kernels, edges.price(sigma))
    side = [fast_length(n) for n in u.shape[-2:]]
    blurred = torch.fft.irfft2(torch.fft.rfft2(u, s=side) * transfer(kernels, (side[0], side[1]))[:, None], s=side)
    tall, wide = windows.shape[-2:]
    misfit, inside = (x[..., m : m + tall, m : m + wide] for x in (blurred, u))
    right, down = inside.diff(dim=-1)[..., :-1, :], inside.diff(dim=-2)[..., :-1]
    many = F.pad((right.square() + down.square() > _EDGE**2).to(v), (0, 1, 0, 1))
    error, number = ((x * windows).sum((1, 2, 3)) for x in ((misfit - pieces).square(), many))
    price = float((error + edges.price(sigma) * number).sum() / windows.sum())
    return price, number / windows.sum((1, 2, 3))
