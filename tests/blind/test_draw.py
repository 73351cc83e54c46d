"""The picture of a blur: kernels where they belong, as long as they are, to be seen on any ground."""

from __future__ import annotations

import pytest
import torch

from vsdeblur.blind.draw import draw_kernels, grid_points, strokes
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur

pytestmark = pytest.mark.quick


def lines(size: tuple[int, int], reach: int = 6) -> PixelwiseBlur:
    """Blurred along rows on the left, along columns on the right."""
    n = 2 * reach + 1
    basis = torch.zeros(1, 2, n, n)
    basis[0, 0, reach, :] = basis[0, 1, :, reach] = 1 / n
    weights = torch.zeros(1, 2, *size)
    weights[:, 0, :, : size[1] // 2] = 1
    weights[:, 1, :, size[1] // 2 :] = 1
    return PixelwiseBlur(basis, weights)


@pytest.mark.parametrize("size", [(60, 100), (100, 60), (17, 300), (1, 1)])
def test_places_cover_the_picture_evenly(size: tuple[int, int]) -> None:
    points = grid_points(size, 8)
    assert points.dtype == torch.int64
    assert points[:, 0].min() >= 0
    assert points[:, 0].max() < size[1]
    assert points[:, 1].max() < size[0]
    centre = points.float().mean(0) + 0.5
    assert (centre - torch.tensor([size[1] / 2, size[0] / 2])).abs().max() <= 1
    assert len(points.unique(dim=0)) == len(points)


def test_length_and_direction() -> None:
    n, reach = 31, 15
    at = torch.arange(n) - reach
    along = torch.zeros(4, n, n)
    along[0, reach, 5:26] = 1 / 21  # a row of 21
    along[1, 5:26, reach] = 1 / 21
    along[2] = torch.where((at[:, None] == -at) & (at.abs() <= 7), 1 / 15, 0.0)  # rises to the right
    along[3, reach, reach] = 1.0
    length, angle = strokes(along)
    assert length[0] == pytest.approx(21, abs=0.1)
    assert length[1] == pytest.approx(21, abs=0.1)
    assert length[2] == pytest.approx(15 * 2**0.5, abs=0.3)
    assert length[3] == 1
    assert angle[:3].tolist() == pytest.approx([0, 90, 45], abs=0.1)


def test_a_kernel_off_the_middle_is_no_longer_for_it() -> None:
    kernels = torch.zeros(1, 15, 15)
    kernels[0, 2, 9:14] = 0.2
    assert strokes(kernels)[0] == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize("ground", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_kernels_can_be_told_on_any_ground(ground: float, channels: int) -> None:
    size = (64, 96)
    drawn = draw_kernels(torch.full((channels, *size), ground), lines(size))
    assert drawn.shape[0] == 3
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    zoom = drawn.shape[-1] / size[1]
    for (x, y), across in zip([grid_points(size)[0], grid_points(size)[-1]], (True, False), strict=True):
        column, row = int((x + 0.5) * zoom), int((y + 0.5) * zoom)
        far = int(0.2 * drawn.shape[-1] / 8)  # well within the cell, along and across the line
        ends = drawn[:, row, column + far], drawn[:, row + far, column]
        on, off = ends if across else ends[::-1]
        assert on.mean() > off.mean() + 0.25
        assert on.mean() > 0.6


def test_the_picture_is_still_seen_between_the_kernels() -> None:
    size = (64, 96)
    picture = torch.full((3, *size), 0.7)
    drawn = draw_kernels(picture, lines(size))
    same = (drawn - 0.7).abs().amax(0) < 1e-3
    assert same[:600].float().mean() > 0.3


def test_large_pictures_are_reduced_and_small_ones_enlarged() -> None:
    assert max(draw_kernels(torch.zeros(1, 40, 2400), lines((40, 2400))).shape) == 1800
    assert max(draw_kernels(torch.zeros(1, 40, 30), lines((40, 30))).shape) >= 300
