"""Every build of the kernels against torch: equal to 1e-5, whatever the positions, the sizes and the threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import vsdeblur.native.kernels as kernels
from tests.support.native import by_both, torch_alone
from vsdeblur.flow.paths import Paths, Sampling
from vsdeblur.flow.warp import Kernel, sample, sample_adjoint, sampling_grid, warp, warp_adjoint
from vsdeblur.native import library, threads
from vsdeblur.solver.coupling import Link, robust_gradient

CAPABILITIES = ["DEFAULT", "AVX2", "AVX512"]
HERE = torch.backends.cpu.get_cpu_capability()
SIZES = [(2, 2), (2, 9), (9, 2), (3, 5), (16, 49), (33, 101)]
TAUS = (-0.5, -0.2, 0.0, 0.3, 0.5)

pytestmark = pytest.mark.skipif(library.library() is None, reason="no native kernels")


@pytest.fixture(params=CAPABILITIES[: CAPABILITIES.index(HERE) + 1 if HERE in CAPABILITIES else 1], autouse=True)
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each of the builds that this processor runs."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param)
    library.library.cache_clear()
    assert kernels.takes(torch.zeros(1))
    yield
    library.library.cache_clear()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def flow(kind: str, count: int, height: int, width: int, seed: int = 1) -> Tensor:
    """(1, count, height, width), pixels."""
    field = random(1, count, height, width, seed=seed)
    return {
        "still": field * 0,
        "small": field,
        "beyond": field * (height + width),
        "far": field * 1e12,
        "edges": field.sign() * 1e3,
    }[kind]


KINDS = ["still", "small", "beyond", "far", "edges"]
KERNELS: list[Kernel] = ["bilinear", "bicubic"]
SAMPLINGS: list[Sampling] = ["bilinear", "supersampled"]


def close(found: Tensor, reference: Tensor) -> bool:
    """To 1e-5 of the largest value, of those of a sum the larger the more positions meet."""
    largest = max(1.0, float(reference.abs().max()))
    return found.shape == reference.shape and float((found - reference).abs().max()) <= 1e-5 * largest


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_samplings_are_those_of_torch(kernel: Kernel, size: tuple[int, int], kind: str) -> None:
    for channels in (1, 3, 5):
        x, grid = random(1, channels, *size), sampling_grid(flow(kind, 2, *size))
        assert close(*by_both(partial(sample, x, grid, kernel)))
        assert close(*by_both(partial(sample_adjoint, x, grid, kernel)))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_warps_along_flows_are_those_of_torch(kernel: Kernel, size: tuple[int, int], kind: str) -> None:
    """Of all rows, and of those from the second on."""
    x, moved = random(2, 3, *size), flow(kind, 2, *size).expand(2, -1, -1, -1)
    assert close(*by_both(partial(warp, x, moved, kernel)))
    assert close(*by_both(partial(warp_adjoint, x, moved, kernel)))
    assert close(*by_both(partial(warp, x, moved[:, :, 1:], kernel, 1)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_couplings_are_those_of_torch(size: tuple[int, int], kind: str) -> None:
    for channels in (1, 3, 4):
        u, weight = random(4, channels, *size), random(2, 1, *size, seed=2).abs()
        grid = sampling_grid(flow(kind, 2, *size).expand(2, -1, -1, -1))
        links = [(slice(0, 3), Link(1, grid, weight)), (slice(0, 4), Link(-2, grid, weight))]
        assert close(*by_both(partial(robust_gradient, u, links, 0.5)))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [4, 6])
def test_means_along_paths_are_those_of_torch(sampling: Sampling, size: tuple[int, int], kind: str, order: int) -> None:
    """In float64: torch's grids of float32 have a place to a part of the picture's width."""
    fields = flow(kind, order, *size)
    for channels in (1, 3, 4):
        x = random(2, channels, *size)[1:]
        found, reference = (Paths(fields.to(dtype), sampling) for dtype in (torch.float32, torch.float64))
        for taus, sign in ((TAUS, -1), ((1.0,), 1)):
            if kind == "far" and order == 6:
                taus = taus[-1:]  # sums of displacements of either sign beyond what float32 tells apart
            assert close(
                found.points(x).mean(found.at(0, taus, sign)),
                reference.points(x.double()).mean(reference.at(0, taus, sign)).float(),
            )
            ontos = found.no_points(x), reference.no_points(x.double())
            ontos[0].spread(x, found.at(0, taus, sign))
            ontos[1].spread(x.double(), reference.at(0, taus, sign))
            assert close(ontos[0].gathered(), ontos[1].gathered().float())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38, -3e38])
def test_no_position_leads_outside(kernel: Kernel, value: float) -> None:
    """Nor does it give a value that no pixel has. Where a position is no number, an edge pixel stands in."""
    x = torch.rand(1, 3, 12, 53, generator=torch.Generator().manual_seed(2))
    grid = sampling_grid(random(1, 2, 12, 53))
    grid[0, 3:5] = value
    grid[0, 7, ::3, 1] = value
    assert bool((sample(x, grid, kernel) - x.mean()).abs().max() < 1.5)
    assert float(sample_adjoint(x, grid, kernel).sum()) == pytest.approx(float(x.sum()), rel=1e-4)
    moved = random(1, 2, 12, 53)
    moved[0, :, 3:5], moved[0, 1, 7, ::3] = value, value
    assert bool((warp(x, moved, kernel) - x.mean()).abs().max() < 1.5)
    assert float(warp_adjoint(x, moved, kernel).sum()) == pytest.approx(float(x.sum()), rel=1e-4)
    for sampling in SAMPLINGS:
        fields = random(1, 6, 12, 53)
        fields[0, :, 3:5] = value
        fields[0, 1, 7, ::3] = value
        paths = Paths(fields, sampling)
        assert bool((paths.points(x).mean(paths.at(0, TAUS)) - x.mean()).abs().max() < 1.5)
        onto = paths.no_points(x)
        onto.spread(x, paths.at(0, TAUS))
        assert float(onto.gathered().sum()) == pytest.approx(len(TAUS) * float(x.sum()), rel=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, "not a number"])
def test_the_number_of_threads_changes_no_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LEAST", 1)
    x, size = random(1, 3, 40, 70), (40, 70)
    fields = flow("small" if kind == "not a number" else kind, 4, *size)
    if kind == "not a number":
        fields[0, :, ::5, ::3] = math.nan
    grid, paths = sampling_grid(fields[:, :2]), Paths(fields)

    def results() -> list[Tensor]:
        onto = paths.no_points(x)
        onto.spread(x, paths.at(0, TAUS))
        mean = paths.points(x).mean(paths.at(0, TAUS))
        both = [f(x, grid, kernel) for f in (sample, sample_adjoint) for kernel in KERNELS]
        warped = [f(x, fields[:, :2], kernel) for f in (warp, warp_adjoint) for kernel in KERNELS]
        link = Link(1, grid, x[:, :1].abs())
        return [
            onto.gathered(),
            mean,
            *both,
            *warped,
            robust_gradient(x.expand(2, -1, -1, -1), [(slice(0, 2), link)], 0.5),
        ]

    before, runs = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            runs.append(results())
    finally:
        torch.set_num_threads(before)
    for one, other in pairwise(runs):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kernel", KERNELS)
def test_layouts_and_batches(kernel: Kernel) -> None:
    x, size = random(2, 3, 20, 30), (20, 30)
    grid = sampling_grid(flow("small", 2, *size)).expand(2, -1, -1, -1)
    narrow = random(2, 3, 40, 60)[:, 1:, ::2, ::2]
    for image in (
        x,
        x.to(memory_format=torch.channels_last),
        x[:1].expand(2, -1, -1, -1),
        narrow,
        random(2, 3, 30, 20).transpose(2, 3),
    ):
        kept = image.clone()
        assert close(*by_both(partial(sample, image, grid, kernel)))
        assert close(*by_both(partial(sample_adjoint, image, grid, kernel)))
        assert torch.equal(image, kept)
    rows = random(1, 3, 60, 30)[:, :, 20:40]  # a part of a larger picture
    assert close(*by_both(lambda: sample(rows, grid[:1, 3:9], kernel)))
    smaller = random(1, 3, 6, 30)
    assert close(*by_both(lambda: sample_adjoint(smaller, grid[:1, 3:9], kernel, onto=rows)))


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (8, 1)])
def test_pictures_of_one_row_or_column_are_left_to_torch(size: tuple[int, int]) -> None:
    x, grid = random(1, 3, *size), sampling_grid(flow("small", 2, *size))
    assert torch.equal(*by_both(lambda: sample(x, grid, "bilinear")))
    assert torch.equal(*by_both(lambda: sample_adjoint(x, grid, "bilinear")))
    paths = Paths(flow("small", 4, *size), "bilinear")
    assert torch.equal(*by_both(lambda: paths.points(x).mean(paths.at(0, TAUS))))


def test_gradients_and_other_types_are_left_to_torch() -> None:
    x, moved = random(1, 2, 9, 9).requires_grad_(), flow("small", 2, 9, 9)
    warp(x, moved).sum().backward()
    assert x.grad is not None
    with torch.no_grad():
        assert kernels.takes(x)
    for other in (x, x.detach().double(), x.detach().to("meta"), x.detach()[:0], x.detach().to_sparse()):
        assert not kernels.takes(other)
    paths = Paths(flow("small", 4, 9, 9).requires_grad_())
    paths.points(x.detach()).mean(paths.at(0, TAUS)).sum().backward()
    assert paths.fields.grad is not None


def test_wrong_shapes_are_refused_as_torch_refuses_them() -> None:
    x, grid = random(2, 3, 9, 9), sampling_grid(flow("small", 2, 9, 9))
    for call in (lambda: sample(x, grid), lambda: sample(x[0], grid), lambda: sample_adjoint(x, grid)):
        with pytest.raises(RuntimeError) as found:
            call()
        with torch_alone(), pytest.raises(RuntimeError) as wanted:
            call()
        assert str(found.value) == str(wanted.value)
