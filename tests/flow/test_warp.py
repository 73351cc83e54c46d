"""Warping: exact adjoints, whole-pixel motion, edges."""

import pytest
import torch

from vsdeblur.flow.warp import Kernel, sample, sample_adjoint, sampling_grid, warp, warp_adjoint

KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(7, 9), (1, 6), (16, 16)])
def test_adjoint_by_dot_product(kernel: Kernel, size: tuple[int, int]) -> None:
    g = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, *size, generator=g, dtype=torch.float64)
    y = torch.randn(2, 3, *size, generator=g, dtype=torch.float64)
    flow = 4 * torch.randn(2, 2, *size, generator=g, dtype=torch.float64)  # far out of the picture too
    assert float((warp(x, flow, kernel) * y).sum()) == pytest.approx(
        float((x * warp_adjoint(y, flow, kernel)).sum()), rel=1e-6
    )
    grid = sampling_grid(flow)
    assert torch.equal(sample(x, grid, kernel), warp(x, flow, kernel))
    assert torch.equal(sample_adjoint(y, grid, kernel), warp_adjoint(y, flow, kernel))


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
