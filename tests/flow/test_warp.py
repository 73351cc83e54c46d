"""Warping: exact adjoints, whole-pixel motion, edges."""

import pytest
import torch

from tests.support.operators import check_adjoint
from vsdeblur.flow.warp import Kernel, Warp, sampling_grid, warp

KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(7, 9), (1, 6), (16, 16)])
def test_adjoint_by_dot_product(kernel: Kernel, size: tuple[int, int]) -> None:
    g = torch.Generator().manual_seed(1)
    flow = 4 * torch.randn(2, 2, *size, generator=g, dtype=torch.float64)  # far out of the picture too
    operator = Warp(sampling_grid(flow), kernel)
    check_adjoint(operator, (2, 3, *size))
    x = torch.randn(2, 3, *size, generator=g, dtype=torch.float64)
    assert torch.equal(operator(x), warp(x, flow, kernel))


@pytest.mark.parametrize("kernel", KERNELS)
def test_whole_pixels_shift_and_edges_repeat(kernel: Kernel) -> None:
    x = torch.rand(1, 1, 6, 8, dtype=torch.float64)
    flow = torch.zeros(1, 2, 6, 8, dtype=torch.float64)
    flow[:, 0], flow[:, 1] = 2, -1
    shifted = warp(x, flow, kernel)
    assert torch.allclose(shifted[..., 1:, :-2], x[..., :-1, 2:])
    assert torch.allclose(shifted[..., 1:, -2:], x[..., :-1, -1:].expand(1, 1, 5, 2))
    assert torch.allclose(warp(x, torch.zeros_like(flow), kernel), x)


def test_bicubic_follows_a_smooth_picture_more_closely() -> None:
    position = torch.arange(32, dtype=torch.float64)
    flow = torch.zeros(1, 2, 1, 32, dtype=torch.float64)
    flow[:, 0] = 0.5
    wave, truth = torch.sin(0.9 * position), torch.sin(0.9 * (position + 0.5))
    errors = [
        (warp(wave[None, None, None], flow, kernel)[0, 0, 0] - truth)[3:-3].abs().max().item() for kernel in KERNELS
    ]
    assert errors[1] < errors[0] / 2
