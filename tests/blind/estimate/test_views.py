"""Blurs of other views of a picture are mapped back to the picture as it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vsdeblur.blind.estimate.views import Viewed, transposed, turned
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.sampled import flow_through

H, W = 50, 70


def varying(height: int, width: int) -> FilterFlow:
    """Kernels that differ from place to place and have no symmetry."""
    g = torch.Generator().manual_seed(0)
    base = torch.rand(4, 5, 5, generator=g)

    def kernels(points: Tensor) -> Tensor:
        x, y = (points[:, 0] / (width - 1)).view(-1, 1, 1), (points[:, 1] / (height - 1)).view(-1, 1, 1)
        found = base[0] + x * base[1] + y * base[2] + x * y * base[3]
        return found / found.sum((1, 2), keepdim=True)

    return flow_through(kernels, (height, width), 16)


@pytest.mark.parametrize(
    ("given", "view"),
    [({"transposed": True}, lambda x: x.mT), ({"turned": True}, lambda x: x.flip(-1, -2))],
)
def test_the_blur_of_a_view_is_that_of_the_picture(given: dict[str, bool], view: object) -> None:
    assert callable(view)
    blur = varying(H, W)
    sharp = torch.rand(1, 3, H + 2 * blur.margin, W + 2 * blur.margin, generator=torch.Generator().manual_seed(1))
    picture = blur(sharp)
    seen = []

    def estimate(x: Tensor) -> FilterFlow:
        seen.append(x)
        return transposed(blur) if "transposed" in given else turned(blur)

    found = Viewed(estimate, **given)(picture)
    torch.testing.assert_close(seen[0], view(picture))
    torch.testing.assert_close(estimate(picture)(view(sharp).contiguous()), view(picture))  # the view's own blur
    torch.testing.assert_close(found(sharp), picture)
    assert found.size == (H, W)
