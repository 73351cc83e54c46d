"""D2: its operator, robust weights, occlusion and bounds."""

import math

import pytest
import torch
from torch import Tensor

from tests.support.operators import check_adjoint, check_symmetric, power_iteration
from vsdeblur.flow.compose import compose, invert
from vsdeblur.flow.occlusion import consistency, photometric
from vsdeblur.flow.warp import sample_adjoint, sampling_grid, warp
from vsdeblur.solver.coupling import Coupling, couple, share

H, W, T = 14, 18, 5


def smooth_flow(seed: int, size: float = 1.5, frames: int = T - 1) -> Tensor:
    """Flow that bends gently over the picture."""
    g = torch.Generator().manual_seed(seed)
    coarse = size * torch.randn(frames, 2, 3, 3, generator=g, dtype=torch.float64)
    return torch.nn.functional.interpolate(coarse, size=(H, W), mode="bilinear", align_corners=True)


def scene(seed: int = 0) -> Tensor:
    return torch.rand(T, 2, H, W, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def coupling() -> Coupling:
    flow = smooth_flow(1)
    return couple(flow, invert(flow), reaches=(1, 3), scale=0.1)


def test_apply_is_symmetric_and_the_gradient_of_the_energy(coupling: Coupling) -> None:
    x, y = scene(1), scene(2)
    squares = coupling.majorised(x)
    assert squares.scale == math.inf
    check_symmetric(squares.gram, (T, 2, H, W))
    assert float((squares.gram(y) * y).sum()) / 2 == pytest.approx(squares.energy(y), rel=1e-9)
    step = 1e-6
    slope = (coupling.energy(x + step * y) - coupling.energy(x - step * y)) / (2 * step)
    assert slope == pytest.approx(float((squares.gram(x) * y).sum()), rel=1e-5)


def test_majorising_squares_lie_above(coupling: Coupling) -> None:
    x = scene(1)
    squares = coupling.majorised(x)
    gap = coupling.energy(x) - squares.energy(x)
    for seed in range(2, 8):
        y = scene(seed)
        assert squares.energy(y) + gap >= coupling.energy(y) - 1e-9


@pytest.mark.parametrize("size", [0.0, 0.7, 3.0])
def test_norm_bounds_the_spectrum(size: float) -> None:
    flow = smooth_flow(3, size)
    coupling = couple(flow, invert(flow), reaches=(1, 3))
    assert 0 < power_iteration(coupling.gram, scene(4), 60) <= coupling.norm_squared


def test_links_have_their_adjoint(coupling: Coupling) -> None:
    for link in coupling.links:
        check_adjoint(link, (T, 2, H, W))


def test_shared_weights_bound_the_columns() -> None:
    grid = sampling_grid(smooth_flow(5, 6.0))  # converging strongly
    ones = torch.ones(T - 1, 1, H, W, dtype=torch.float64)
    assert float(sample_adjoint(ones, grid, "bilinear").max()) > 1.5
    assert float(sample_adjoint(share(ones, grid), grid, "bilinear").max()) <= 1 + 1e-9


def test_composed_and_inverted_flow() -> None:
    flow = torch.zeros(T - 1, 2, H, W, dtype=torch.float64)
    flow[:, 0], flow[:, 1] = torch.tensor([1.0, 2.0, 0.5, -1.0])[:, None, None], -0.25
    assert torch.allclose(compose(flow, 3)[:, 0, 5, 5], torch.tensor([3.5, 1.5], dtype=torch.float64))
    assert torch.allclose(invert(flow), -flow)
    bent = smooth_flow(6, 0.4)
    back = invert(bent)
    inner = (bent + warp(back, bent, "bilinear"))[..., 4:-4, 4:-4]
    assert float(inner.abs().max()) < 0.1


def test_occlusion_lowers_the_weight() -> None:
    forward = torch.zeros(1, 2, H, W, dtype=torch.float64)
    forward[:, 0, :, 6:10] = 3.0  # an object whose target still claims to stand
    backward = torch.zeros_like(forward)
    weight = consistency(forward, backward, sampling_grid(forward))
    assert float(weight[..., 6:10].max()) < 1e-3
    assert float(weight[..., :5].min()) == pytest.approx(1)
    d = torch.zeros(1, 3, H, W, dtype=torch.float64)
    d[..., 8] = 0.5
    seen = photometric(d, 0.05)
    assert float(seen[..., 8].max()) < 1e-3
    assert float(seen[..., :6].min()) == pytest.approx(1)


def test_positions_outside_the_picture_do_not_count() -> None:
    flow = torch.full((1, 2, H, W), 4.0, dtype=torch.float64)
    link = couple(flow, -flow).links[0]
    assert float(link.weight[..., -3:].abs().max()) == 0
    assert float(link.weight[..., : H - 5, : W - 5].min()) > 0.9


def test_looks_mark_what_differs() -> None:
    flow = torch.zeros(T - 1, 2, H, W, dtype=torch.float64)
    looks = torch.full((T, 1, H, W), 0.5, dtype=torch.float64)
    looks[2, :, 3:9, 3:9] = 1.0  # a flash in one sub-frame
    forward = couple(flow, flow, pictures=looks).links[0]
    assert float(forward.weight[1, 0, 6, 6]) < 1e-3
    assert float(forward.weight[3].min()) == pytest.approx(1)
