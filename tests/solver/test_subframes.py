"""E1 and E2 on a small moving scene with known flow; Chebyshev against conjugate gradients."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.support.operators import conjugate_gradients
from vsdeblur.camera.exposure import Exposure
from vsdeblur.camera.noise import QUANTISATION, noise_level
from vsdeblur.errors import ArgumentError
from vsdeblur.operators import gram
from vsdeblur.priors import get_prior
from vsdeblur.solver.admm import solve_e1
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.solver.coupling import couple
from vsdeblur.solver.subframes import SubFrameSettings, solve_e2, solve_with_flow

N, R, H, W = 4, 8, 40, 64
SPEED = 0.75  # pixels per sub-frame


def sharp_scene(frequency: float = 1.0) -> tuple[Tensor, Tensor]:
    """(u, flow): smooth texture that glides to the right past the frame's edges, and its exact flow."""
    x = torch.arange(W, dtype=torch.float32)[None, None, None, :]
    y = torch.arange(H, dtype=torch.float32)[None, None, :, None] * frequency
    p = (x - SPEED * torch.arange(N * R, dtype=torch.float32)[:, None, None, None]) * frequency
    channels = [torch.sin(0.8 * p + c) * torch.cos(0.5 * y + c) + torch.sin(0.3 * p + 0.2 * y) for c in range(3)]
    flow = torch.zeros(N * R - 1, 2, H, W)
    flow[:, 0] = SPEED
    return torch.cat(channels, dim=1) * 0.2 + 0.5, flow


def psnr(a: Tensor, b: Tensor) -> float:
    """Of the inner periods."""
    return float(-10 * (a[R:-R] - b[R:-R]).square().mean().log10())


@pytest.fixture(scope="module")
def exposure() -> Exposure:
    return Exposure.build(N, R, 1.0, quadrature="taps")


def test_chebyshev_reaches_what_conjugate_gradients_reach(exposure: Exposure) -> None:
    u, flow = sharp_scene()
    u, flow = u[..., :20, :24].double(), flow[..., :20, :24].double()
    exposure = exposure.to(u)
    coupling = couple(flow, -flow)
    weight = 50.0
    data_gram = gram(exposure, weight)

    def system(x: Tensor) -> Tensor:
        return data_gram(x) + coupling.gram(x) + 0.05 * x

    rhs, start = data_gram(u), torch.zeros_like(u)
    highest = weight * exposure.norm_squared + coupling.norm_squared + 0.05
    exact = conjugate_gradients(system, rhs, start, 150)
    errors = [float((chebyshev(system, rhs, start, 0.05, highest, k) - exact).norm() / exact.norm()) for k in (20, 160)]
    assert errors[1] < 1e-6 < errors[0] < 0.5


def test_chebyshev_is_linear_and_local() -> None:
    """Which numbers lie far away changes nothing, to the last bit."""
    flow = torch.zeros(3, 2, 8, 64)
    flow[:, 0] = 0.5
    coupling = couple(flow, -flow)
    x = torch.rand(4, 1, 8, 64)
    far = x.clone()
    far[..., -8:] += 1
    near = [chebyshev(coupling.gram, rhs, torch.zeros_like(x), 0.1, coupling.norm_squared, 4) for rhs in (x, far)]
    assert torch.equal(near[0][..., :24], near[1][..., :24])
    assert not torch.equal(near[0], near[1])


@pytest.mark.parametrize("shutter", [1.0, 0.625])
def test_e2_with_the_true_flow_restores_the_scene(shutter: float) -> None:
    u, flow = sharp_scene()
    exposure = Exposure.build(N, R, shutter, quadrature="taps")
    v = exposure(u)
    result = solve_with_flow(v, flow, exposure, noise=0.0)
    repeated = v.repeat_interleave(R, dim=0)
    assert psnr(result.u, u) > psnr(repeated, u) + 6
    assert torch.allclose(exposure(result.u), v, atol=1e-5)
    assert all(b < a for a, b in pairwise(result.energies))
    assert len(result.energies) == SubFrameSettings().rounds + 1


def test_e2_is_the_same_twice_and_takes_a_start(exposure: Exposure) -> None:
    u, flow = sharp_scene()
    v = exposure(u)
    first = solve_with_flow(v, flow, exposure)
    assert torch.equal(first.u, solve_with_flow(v, flow, exposure).u)
    better = solve_with_flow(v, flow, exposure, start=u)
    assert better.energies[0] < first.energies[0]
    assert psnr(better.u, u) > psnr(first.u, u)


def test_more_rounds_lower_the_energy(exposure: Exposure) -> None:
    u, flow = sharp_scene()
    v = exposure(u)
    v = v + 0.01 * torch.randn(v.shape, generator=torch.Generator().manual_seed(2))
    coupling = couple(flow, -flow, scale=0.05)
    energies = solve_e2(
        v, coupling, exposure, v.repeat_interleave(R, dim=0), sigma=0.01, settings=SubFrameSettings(rounds=6)
    ).energies
    assert all(b < a for a, b in pairwise(energies))


def test_a_still_scene_comes_back() -> None:
    v = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(0)).expand(N, -1, -1, -1).contiguous()
    exposure = Exposure.build(N, R, 0.5)
    result = solve_with_flow(v, torch.zeros(N * R - 1, 2, H, W), exposure)
    assert float((result.u - v[:1]).abs().max()) < 0.5 / 255


def test_noise_softens_the_data_and_the_prior_earns_its_place(exposure: Exposure) -> None:
    u, flow = sharp_scene(frequency=0.2)  # broad shapes: there is more noise than detail to win
    clean = exposure(u)
    noisy = clean + 5 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    plain = solve_with_flow(noisy, flow, exposure, noise=5 / 255)
    exact = solve_with_flow(noisy, flow, exposure, noise=0.0)
    with_prior = solve_with_flow(noisy, flow, exposure, noise=5 / 255, prior=get_prior("tv"))
    assert psnr(plain.u, u) > psnr(exact.u, u) + 3
    assert psnr(with_prior.u, u) > psnr(plain.u, u) + 1


def test_noise_is_measured() -> None:
    g = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0, 1, 160).expand(3, 1, 128, 160)
    assert noise_level(ramp) == QUANTISATION
    for sigma in (2 / 255, 10 / 255):
        assert noise_level(ramp + sigma * torch.randn(ramp.shape, generator=g)) == pytest.approx(sigma, rel=0.12)
    assert noise_level(torch.rand(1, 1, 12, 12)) == QUANTISATION


@pytest.mark.parametrize("name", ["flow", "backward", "start"])
def test_wrong_shapes_are_named(name: str, exposure: Exposure) -> None:
    u, flow = sharp_scene()
    arguments = {"flow": flow, "backward": -flow, "start": u}
    arguments[name] = arguments[name][1:]
    with pytest.raises(ArgumentError, match=f"{name} must be of shape"):
        solve_with_flow(exposure(u), exposure=exposure, **arguments)


def test_e1_lowers_its_energy_and_hardly_leaves_repeated_frames(exposure: Exposure) -> None:
    u, _ = sharp_scene()
    v = exposure(u)
    tv = get_prior("tv")
    start = v.repeat_interleave(R, dim=0)
    result = solve_e1(v, exposure, tv, start, data_weight=50.0, sigma=0.02, steps=8)
    assert len(result.energies) == 9
    assert result.energies[-1] < result.energies[0]
    assert float((exposure(result.u) - v).abs().max()) < 0.01
    assert abs(psnr(result.u, u) - psnr(start, u)) < 1  # the trap: why E2 needs motion
    implicit = solve_e1(v, exposure, lambda x, sigma: tv(x, sigma), start, data_weight=50.0, sigma=0.02, steps=2)
    assert implicit.energies[0] < 1e-6  # without an energy of its own R1 does not count


def test_restore_tells_the_energies_of_the_solve_by_true_motion() -> None:
    from vsdeblur import restore

    energies: list[float] = []
    v = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    restore(v, 4, flow=torch.full((7, 2, 32, 32), 0.25), quadrature="taps", record=energies.append)
    assert len(energies) > 1
    assert energies[-1] < energies[0]
