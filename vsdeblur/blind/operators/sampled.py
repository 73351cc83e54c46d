"""Any blur by its kernels at some points: slow operators in a fast form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.protocol import Blur


def sampled_flow(blur: Blur, spacing: int = 32) -> FilterFlow:
    """Its kernels every ``spacing`` pixels, interpolated between: efficient filter flow.

    Of a shake of 25 px at 512 x 512 in instants half a pixel apart, the spacing of 32 keeps all but -71 dB, of 60 px
    all but -61 dB, in a twentieth of the time: 0.07 s instead of 1.4 s and 0.14 s instead of 2.8 s, one thread.
    (32 kernels mixed pixel by pixel, the best in the mean, keep all but -63 and -50 dB in 0.2 s.)
    """
    return flow_through(blur.kernels, blur.size, spacing)


def flow_through(kernels_at: Callable[[Tensor], Tensor], size: tuple[int, int], spacing: int) -> FilterFlow:
    """Kernels, as ``Blur.kernels`` gives them, of a picture of ``size`` at nodes ``spacing`` apart.

    Nodes stand out by the same on both sides; those outside have the kernel of the border.
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
