"""Samplings through a picture twice as fine: exact transposes, order of sums, how near to cubic ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.operators import Pair, check_adjoint
from vsdeblur.flow.supersample import mean_along, spread_along, supersampled, supersampled_adjoint
from vsdeblur.flow.warp import sample, sampling_grid, warp


def ways(count: int, height: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    flow = torch.randn(count, 2, height, width, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return sampling_grid(2 * flow)


@pytest.mark.parametrize("size", [(7, 12), (2, 2), (3, 5)])
def test_finer_adjoint_is_the_transpose(size: tuple[int, int]) -> None:
    check_adjoint(Pair(supersampled, supersampled_adjoint), (2, 3, *size), rel=1e-12)


def test_pixels_stay_and_points_between_are_those_of_the_cubic_kernel() -> None:
    x = torch.rand(1, 1, 9, 11, generator=torch.Generator().manual_seed(2))
    fine = supersampled(x)
    assert torch.equal(fine[..., ::2, ::2], x)
    half = x.new_tensor([0.5, 0.5]).view(1, 2, 1, 1).expand(1, 2, 9, 11)
    assert torch.allclose(fine[..., 1::2, 1::2], warp(x, half)[..., :-1, :-1], atol=1e-5)


@pytest.mark.parametrize("counts", [(4, 4), (4, 1), (3,), (4, 2)])
def test_means_along_ways_and_their_transposes(counts: tuple[int, ...]) -> None:
    x = torch.randn(1, 2, 8, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    grids = ways(sum(counts), 8, 10).split(counts)
    one_by_one = sum(sample(supersampled(x), grid[None], "bilinear") for batch in grids for grid in batch) / sum(counts)
    assert torch.allclose(mean_along(supersampled(x), grids), one_by_one)

    def spread(y: Tensor) -> Tensor:
        onto = torch.zeros_like(supersampled(y))
        spread_along(y / sum(counts), grids, onto)
        return supersampled_adjoint(onto)

    check_adjoint(Pair(lambda x: mean_along(supersampled(x), grids), spread), (1, 2, 8, 10))


def test_less_memory_gives_the_same_bits() -> None:
    grids = ways(12, 8, 10, torch.float32).split(4)
    y = torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(4))
    ontos = [torch.zeros(1, 3, 15, 19) for _ in range(2)]
    for onto, one_by_one in zip(ontos, (False, True), strict=True):
        spread_along(y, grids, onto, one_by_one)
    assert torch.equal(*ontos)


def test_samplings_of_something_smooth_err_like_cubic_ones() -> None:
    """Linear ones err ten times as much: what lies between two pixels is not on the line between them."""
    x = torch.arange(64, dtype=torch.float64)

    def wave(at: Tensor) -> Tensor:
        return torch.sin(0.7 * at).expand(1, 1, 8, 64)

    errors = {}
    for shift in (0.2, 0.5, 0.8):
        flow = torch.tensor([shift, 0.0], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 8, 64)
        for name, image, kernel in (("cubic", supersampled(wave(x)), "bilinear"), ("linear", wave(x), "bilinear")):
            error = (sample(image, sampling_grid(flow), kernel) - wave(x + shift))[..., 8:-8].abs().max()
            errors[name] = max(errors.get(name, 0.0), float(error))
    assert errors["cubic"] < 0.4 * errors["linear"]
