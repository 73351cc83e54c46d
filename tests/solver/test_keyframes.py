"""The key-frame problem against dense algebra: adjoint, symmetry, spectrum, solution, energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.support.operators import check_adjoint, conjugate_gradients, power_iteration
from vsdeblur.device import torch_threads
from vsdeblur.flow.motion import displacement, extent
from vsdeblur.flow.paths import Paths, Sampling
from vsdeblur.flow.warp import sampling_grid
from vsdeblur.solver.keyframes import HIGHEST, LOWEST, KeyFrameLink, KeyFrameProblem

N, H, W = 3, 10, 12


def exposure(taps: int, shutter: float = 1.0) -> tuple[float, ...]:
    return tuple(((q + 0.5) / taps - 0.5) * shutter for q in range(taps))


def field(kind: str, seed: int, height: int = H, width: int = W, dtype: torch.dtype = torch.float64) -> Tensor:
    """A path (N, 4, H, W)."""
    rng = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=dtype) - height / 2, torch.arange(width, dtype=dtype) - width / 2, indexing="ij"
    )
    zero = torch.zeros_like(x)
    if kind == "rough":
        return 4 * torch.randn(N, 4, height, width, generator=rng, dtype=dtype)
    shapes = {
        "still": (zero, zero),
        "pan": (zero + 2.3, zero - 1.1),
        "inward": (-0.6 * x, -0.6 * y),  # the picture shrinks to a part of itself within a period
        "outward": (1.2 * x, 1.2 * y),
        "onto a line": (-x, zero),
        "onto a point": (-1.0 * x, -1.0 * y),
    }
    vx, vy = shapes[kind]
    return torch.stack((vx, vy, 0.3 * vy, -0.3 * vx)).expand(N, -1, -1, -1).contiguous()


def problem(
    kind: str = "rough",
    seed: int = 0,
    kernel: Sampling = "supersampled",
    *,
    mu: float = 0.05,
    batch: int = 16,
    taps: int = 5,
    occlusion: float | None = None,
    spans: tuple[float, ...] = (1.0,) * N,
    size: tuple[int, int] = (H, W),
    dtype: torch.dtype = torch.float64,
) -> KeyFrameProblem:
    rng = torch.Generator().manual_seed(seed + 100)
    v = torch.rand(N, 1, *size, generator=rng, dtype=dtype)
    seen = torch.rand(N, 2, *size, generator=rng, dtype=dtype) if occlusion is None else v.new_full((), occlusion)
    return KeyFrameProblem(
        v,
        field(kind, seed, *size, dtype=dtype),
        seen.expand(N, 2, *size).contiguous(),
        (exposure(taps),) * N,
        spans,
        mu=mu,
        kernel=kernel,
        batch=batch,
    )


def parts(p: KeyFrameProblem) -> tuple[Paths, list[KeyFrameLink]]:
    return p.paths(), p._links()


def scaled_system(p: KeyFrameProblem) -> Callable[[Tensor], Tensor]:
    """The system that Chebyshev's steps solve: A'A + mu D2 over its row sums."""
    paths, links = parts(p)
    scale = p._row_sums(paths, links)
    return lambda x: p._normal(x, paths, links).div_(scale)


def normal_matrix(p: KeyFrameProblem) -> Tensor:
    """A'A + mu D2 as a dense matrix: all unit vectors at once, as channels."""
    frames, _, height, width = p.v.shape
    size = p.v.numel()
    units = torch.eye(size, dtype=p.v.dtype).view(size, frames, height, width).transpose(0, 1).contiguous()
    return p._normal(units, *parts(p)).transpose(0, 1).reshape(size, size).T


KERNELS: tuple[Sampling, ...] = ("bilinear", "supersampled")
MOTIONS = ("still", "pan", "inward", "outward", "onto a line", "onto a point", "rough")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", ["pan", "inward", "rough"])
def test_the_adjoint_is_the_transpose(kernel: Sampling, kind: str) -> None:
    check_adjoint(problem(kind, kernel=kernel).exposure(1), (1, 2, H, W))


def test_several_key_frames_at_once_give_the_same_bytes() -> None:
    one = problem("rough", size=(40, 56), dtype=torch.float32, occlusion=1.0)
    with torch.inference_mode(), torch_threads(2):
        assert torch.equal(one.solve(3), replace(one, workers=2).solve(3))


def test_the_blur_is_the_mean_of_shifted_frames() -> None:
    """By whole pixels, where every kernel is exact."""
    p = problem("still", taps=3)
    p.path[:, 0] = 3.0  # instants at -1/3, 0, 1/3 of a period: one pixel to the left, none, one to the right
    key = torch.rand(1, 1, H, W, dtype=torch.float64)
    blurred = p.exposure(0)(key)
    wanted = (key[..., :-2] + key[..., 1:-1] + key[..., 2:]) / 3
    assert torch.allclose(blurred[..., 1:-1], wanted, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", ["pan", "inward", "rough"])
def test_the_normal_operator_is_symmetric_and_not_negative(kernel: Sampling, kind: str) -> None:
    matrix = normal_matrix(problem(kind, kernel=kernel, mu=0.3, spans=(1.0, 0.5, 1.7)))
    assert torch.allclose(matrix, matrix.T, atol=1e-10)
    assert float(torch.linalg.eigvalsh((matrix + matrix.T) / 2).min()) > -1e-9


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", MOTIONS)
@pytest.mark.parametrize("mu", [0.05, 1.0])
def test_row_sums_bound_the_spectrum(kernel: Sampling, kind: str, mu: float) -> None:
    """By the dense matrix; nothing in Chebyshev's steps warns of an eigenvalue above the bound but divergence."""
    for seed in range(2 if kind == "rough" else 1):
        for taps in (1, 4):
            p = problem(kind, seed, kernel, mu=mu, taps=taps, occlusion=1.0)
            scale = p._row_sums(*parts(p)).expand_as(p.v).flatten()
            similar = normal_matrix(p) / (scale[:, None] * scale[None, :]).sqrt()  # the eigenvalues of scale^-1 matrix
            assert float(torch.linalg.eigvalsh((similar + similar.T) / 2).max()) <= HIGHEST[kernel] + 1e-9


@pytest.mark.parametrize("kind", MOTIONS)
def test_power_iteration_stays_below_the_bound_on_larger_frames(kind: str) -> None:
    for seed in range(4 if kind == "rough" else 1):
        p = problem(kind, seed, size=(40, 56), dtype=torch.float32, taps=6, occlusion=1.0)
        x = torch.randn(p.v.shape, generator=torch.Generator().manual_seed(9))
        assert power_iteration(scaled_system(p), x, 40) <= HIGHEST["supersampled"]


def test_the_batch_changes_memory_only() -> None:
    whole, single = problem("rough", batch=16, dtype=torch.float32), problem("rough", batch=1, dtype=torch.float32)
    assert torch.equal(whole.solve(8), single.solve(8))


def test_grids_are_those_of_the_displacement() -> None:
    p = problem("rough")
    paths = p.paths()
    for tau in (1.0, -0.4):
        psi = displacement(p.path[1:2], tau)
        assert torch.allclose(paths.grids(1, (tau,)), sampling_grid(psi), atol=1e-12)
        assert torch.allclose(paths.grids(1, (tau,), sign=-1), sampling_grid(-psi), atol=1e-12)


def exact_solution(p: KeyFrameProblem, target: Tensor, ridge: float) -> Tensor:
    paths, links = parts(p)
    rhs = data_term(p) + ridge * target
    return conjugate_gradients(lambda x: p._normal(x, paths, links) + ridge * x, rhs, p.v, steps=500)


def data_term(p: KeyFrameProblem) -> Tensor:
    """A' v."""
    return torch.cat([p.exposure(n).adjoint(p.v[n : n + 1]) for n in range(N)])


@pytest.mark.parametrize("kind", ["pan", "rough"])
def test_chebyshev_reaches_the_solution_of_conjugate_gradients(kind: str) -> None:
    """With a ridge that keeps the smallest eigenvalue away from 0, all the way; the default steps go far."""
    p = problem(kind)
    target = torch.rand(p.v.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    exact = exact_solution(p, target, ridge=0.1)
    start = float((p.v - exact).norm())
    errors = [float((p.solve(k, target=target, ridge=0.1) - exact).norm()) / start for k in (0, 16, 80)]
    assert errors[0] == pytest.approx(1)
    assert errors[1] < 0.1
    assert errors[2] < 1e-4


def test_directions_above_the_lowest_eigenvalue_converge_at_chebyshevs_rate() -> None:
    p = problem("pan", mu=0.2, occlusion=1.0)
    scale = p._row_sums(*parts(p)).expand_as(p.v).flatten()
    matrix = normal_matrix(p)
    values, vectors = torch.linalg.eigh(matrix / (scale[:, None] * scale[None, :]).sqrt())
    rhs = data_term(p).flatten()
    exact = torch.linalg.solve(matrix, rhs)
    steps = 16
    before, after = ((vectors.T @ (scale.sqrt() * (x.flatten() - exact))).abs() for x in (p.v, p.solve(steps)))
    high, low = HIGHEST["supersampled"], LOWEST
    rate = torch.tensor((high + low) / (high - low), dtype=torch.float64).acosh().mul(steps).cosh().reciprocal()
    within = values >= low
    assert within.sum() > 0.8 * len(values)
    assert bool((after[within] <= rate * before[within] + 1e-9).all())
    assert bool((after[~within] <= before[~within] + 1e-9).all())


@pytest.mark.parametrize("kind", MOTIONS)
def test_the_energy_falls_and_is_recorded(kind: str) -> None:
    p = problem(kind)
    energies: list[float] = []
    keys = p.solve(4, record=energies.append)
    p.solve(16, keys, record=energies.append)
    assert len(energies) == 4
    assert energies[1] < energies[0] or energies[0] < 1e-12
    assert energies[1] == pytest.approx(energies[2], rel=1e-9)  # one call ends where the next begins
    assert energies[3] < energies[2] or energies[2] < 1e-12


def test_more_steps_lower_the_energy() -> None:
    p = problem("rough")
    last = []
    for steps in (2, 4, 8, 16, 32):
        energies: list[float] = []
        p.solve(steps, record=energies.append)
        last.append(energies[-1])
    assert all(b < a for a, b in pairwise(last))


def test_a_still_scene_without_noise_is_its_own_key_frame() -> None:
    p = problem("still", occlusion=1.0)
    p.v[1:] = p.v[:1]
    assert torch.allclose(p.solve(16), p.v, atol=1e-5)


def test_a_strong_ridge_gives_the_target() -> None:
    p = problem("pan")
    target = torch.rand_like(p.v)
    assert float((p.solve(16, target=target, ridge=1e4) - target).norm()) < 0.1 * float((p.v - target).norm())


def test_what_the_exposure_lost_comes_back_along_the_true_path() -> None:
    """A texture that glides by 6 px: the key frames are the texture at mid-exposure."""
    size = (8, 128)  # what lies beyond the edges is unknown and spoils their surroundings
    x = torch.arange(size[1], dtype=torch.float64)
    texture = [0.5 + 0.2 * torch.sin((x - 6.0 * n) * 0.6) + 0.2 * torch.sin((x - 6.0 * n) * 0.25) for n in range(N)]
    keys = torch.stack([t.expand(1, *size) for t in texture])
    p = problem("still", size=size, taps=6, occlusion=1.0)
    p.path[:, 0] = 6.0
    for n in range(N):
        p.v[n : n + 1] = p.exposure(n)(keys[n : n + 1])
    inner = (..., slice(None), slice(32, -32))
    before, after = (float((u - keys)[inner].square().mean().sqrt()) for u in (p.v, p.solve(16)))
    assert after < 0.2 * before


def test_unseen_links_and_missing_neighbours_do_not_couple() -> None:
    alone = problem("pan", occlusion=0.0)
    assert alone._links() == []
    p = problem("pan", occlusion=1.0)
    assert sorted((link.here, link.there) for link in p._links()) == [(0, 1), (1, 0), (1, 2), (2, 1)]


def test_displacement_and_extent() -> None:
    path = torch.tensor([3.0, -4.0, 0.0, 2.0])[None, :, None, None]
    assert displacement(path, 1.0).flatten().tolist() == [3.0, -3.0]
    assert displacement(path, -0.5).flatten().tolist() == [-1.5, 2.25]
    assert float(extent(path)) == pytest.approx(6.0)


def test_a_frame_alone_is_solved_as_without_coupling() -> None:
    p = problem(spans=(1.0, 0.5, 1.7))
    z = torch.rand(p.v.shape, generator=torch.Generator().manual_seed(1), dtype=p.v.dtype)
    trust = torch.rand(N, 1, H, W, generator=torch.Generator().manual_seed(2), dtype=p.v.dtype)
    all_at_once = replace(p, mu=0.0, data_weight=trust).solve(4, z, z, 0.5, lowest=0.25)
    for n in range(N):
        one = z[n : n + 1]
        found = p.alone(n, trust[n : n + 1]).solve(4, one, one, 0.5, lowest=0.25)
        assert torch.allclose(found, all_at_once[n : n + 1], atol=1e-12)


def test_the_data_draws_a_target_towards_it_as_far_as_it_is_trusted() -> None:
    p = problem("pan")
    z = torch.rand(1, 1, H, W, generator=torch.Generator().manual_seed(1), dtype=p.v.dtype)

    def misfit(key: Tensor) -> float:
        return float((p.exposure(1)(key) - p.v[1:2]).square().mean())

    trusted, half, never = (p.alone(1, torch.full_like(z, t)).solve(4, z, z, 0.5, lowest=0.25) for t in (1.0, 0.2, 0.0))
    assert misfit(trusted) < 0.6 * misfit(z)
    assert misfit(trusted) < misfit(half) < misfit(z)
    assert torch.equal(never, z)
