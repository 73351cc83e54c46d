"""A fast approximation of any blur: its kernels at regular points, interpolated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.protocol import Blur


def sampled_flow(blur: Blur, spacing: int = 32) -> FilterFlow:
    """A blur's kernels at a regular grid of pixels, interpolated bilinearly between them: efficient filter flow.

    For a shake of 25 px at 512 x 512 in instants half a pixel apart, a spacing of 32 has an error of -71 dB, for 60 px
    -61 dB, in a twentieth of the time: 0.07 s instead of 1.4 s and 0.14 s instead of 2.8 s, one thread. (32 kernels
    mixed pixel by pixel, the best in the mean, have errors of -63 and -50 dB in 0.2 s.)

    Args:
        blur: Any blur.
        spacing: Of the grid, pixels.

    Returns:
        A filter flow of the blur's size.
    """
    return flow_through(blur.kernels, blur.size, spacing)


def flow_through(kernels_at: Callable[[Tensor], Tensor], size: tuple[int, int], spacing: int) -> FilterFlow:
    """Filter flow from a function that gives kernels.

    Nodes extend past the picture by the same on both sides; those outside have the kernel of the border.

    Args:
        kernels_at: As ``Blur.kernels``: (P, 2) integer pixels, x then y, to (P, n, n).
        size: (H, W) of the picture.
        spacing: Of the nodes, pixels.

    Returns:
        A filter flow of that size.
    """
    counts = [-(-(length - 1) // spacing) + 1 for length in size]
    origin = [-(((count - 1) * spacing + 1 - length) // 2) for count, length in zip(counts, size, strict=True)]
    y, x = (
        (first + spacing * torch.arange(count)).clamp(0, length - 1)
        for first, count, length in zip(origin, counts, size, strict=True)
    )
    down, across = torch.meshgrid(y, x, indexing="ij")
    found = kernels_at(torch.stack((across.flatten(), down.flatten()), 1))
    return FilterFlow(found.view(*counts, *found.shape[1:]), size, spacing, (origin[0], origin[1]))
