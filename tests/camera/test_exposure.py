"""D1: the weights, and every closed form against a dense solve."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.support.operators import check_adjoint, check_norm
from vsdeblur.camera.exposure import Exposure
from vsdeblur.errors import ArgumentError

SHUTTERS = [
    pytest.param({"steps_per_period": 8, "shutter": 1.0}, id="8/8"),
    pytest.param({"steps_per_period": 8, "shutter": 0.625}, id="5/8"),
    pytest.param({"steps_per_period": 4, "shutter": 0.6}, id="partly covered cells"),
    pytest.param({"steps_per_period": Fraction(5, 2), "shutter": 1.0}, id="shared instants"),
    pytest.param({"steps_per_period": 1, "shutter": 0.3}, id="one instant"),
    pytest.param(
        {"steps_per_period": 4, "shutter": 0.9, "row_offset": torch.linspace(0, 0.8, 5), "instants": 16},
        id="rolling shutter",
    ),
]
H, W, N = 5, 3, 3


def scene(exposure: Exposure, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    z = torch.rand(exposure.instants, 2, H, W, generator=g, dtype=torch.float64)
    return z, torch.rand(exposure.frames, 2, H, W, generator=g, dtype=torch.float64)


def build(kwargs: dict) -> Exposure:
    return Exposure.build(N, dtype=torch.float64, **kwargs)


def matrix(exposure: Exposure, row: int) -> Tensor:
    return exposure.weights[row % exposure.weights.shape[0]]


@pytest.mark.parametrize("kwargs", SHUTTERS)
def test_weights_are_means_and_the_adjoint_is_exact(kwargs: dict) -> None:
    exposure = build(kwargs)
    assert torch.allclose(exposure.weights.sum(dim=2), torch.ones(1, dtype=torch.float64), atol=1e-9)
    domain = (exposure.instants, 2, H, W)
    check_adjoint(exposure, domain)
    check_norm(exposure, domain)
    largest = max(float(torch.linalg.matrix_norm(w, 2)) ** 2 for w in exposure.weights)
    assert largest <= exposure.norm_squared + 1e-9


@pytest.mark.parametrize("kwargs", SHUTTERS)
@pytest.mark.parametrize("weight", [0.3, 40.0])
def test_prox_is_the_dense_minimiser(kwargs: dict, weight: float) -> None:
    exposure = build(kwargs)
    z, v = scene(exposure)
    u = exposure.prox(z, v, weight)
    for y in range(H):
        w = matrix(exposure, y)
        dense = torch.linalg.solve(
            torch.eye(exposure.instants, dtype=torch.float64) + weight * w.T @ w,
            (z[:, :, y] + weight * torch.tensordot(w.T, v[:, :, y], dims=1)).flatten(1),
        )
        assert torch.allclose(u[:, :, y].flatten(1), dense, atol=1e-6, rtol=0)


def test_prox_takes_a_weight_per_pixel() -> None:
    exposure = build({"steps_per_period": Fraction(5, 2), "shutter": 1.0})
    z, v = scene(exposure)
    weight = torch.rand(N, 1, H, W, dtype=torch.float64) + 0.1
    whole = exposure.prox(z, v, weight.expand(N, 2, H, W))
    assert torch.allclose(whole, exposure.prox(z, v, weight))
    gradient = exposure.adjoint(weight * (exposure(whole) - v)) + whole - z
    assert float(gradient.abs().max()) < 1e-9


@pytest.mark.parametrize("kwargs", SHUTTERS)
def test_projection_meets_the_data_by_the_shortest_way(kwargs: dict) -> None:
    exposure = build(kwargs)
    z, v = scene(exposure)
    u = exposure.project(z, v)
    assert torch.allclose(exposure(u), v, atol=1e-9)
    for y in range(H):
        w = matrix(exposure, y)
        dense = torch.linalg.pinv(w) @ (v[:, :, y] - torch.tensordot(w, z[:, :, y], dims=1)).flatten(1)
        assert torch.allclose((u - z)[:, :, y].flatten(1), dense, atol=1e-6, rtol=0)


def test_taps_are_the_plain_mean() -> None:
    exposure = Exposure.build(2, 8, 0.625, quadrature="taps")
    u = torch.rand(16, 3, 4, 4)
    assert torch.allclose(exposure(u), torch.stack((u[:5].mean(0), u[8:13].mean(0))), atol=1e-6)
    assert float(Exposure.build(2, 4, 0.3, quadrature="taps").weights.max()) == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"steps_per_period": 8, "shutter": 0.0},
        {"steps_per_period": 8, "shutter": 1.5},
        {"steps_per_period": Fraction(1, 2), "shutter": 0.5},
        {"steps_per_period": 8, "shutter": 0.5, "row_offset": torch.tensor([0.0, 1.5])},
    ],
)
def test_impossible_exposures_are_refused(bad: dict) -> None:
    with pytest.raises(ArgumentError):
        Exposure.build(2, **bad)
