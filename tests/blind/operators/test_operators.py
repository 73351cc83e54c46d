"""Blur operators: adjoints, constants, kernels, parts."""

import numpy as np
import pytest
import torch

from tests.support.operators import check_adjoint
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.patched import PatchedBlur
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.blind.operators.protocol import LayeredBlur
from vsdeblur.blind.operators.sampled import sampled_flow
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError
from vsdeblur.tiles import tiles
from vsdeblur.training.paths import apply
from vsdeblur.training.shake import random_shake


def pixelwise(batch: int = 1, kernels: int = 3, reach: int = 4, size: tuple[int, int] = (21, 26)) -> PixelwiseBlur:
    torch.manual_seed(0)
    n = 2 * reach + 1
    basis = torch.rand(batch, kernels, n, n, dtype=torch.float64).flatten(2).softmax(-1).view(batch, kernels, n, n)
    return PixelwiseBlur(basis, torch.randn(batch, kernels, *size, dtype=torch.float64).softmax(1))


def uniform(reach: int = 4, size: tuple[int, int] = (21, 26)) -> UniformBlur:
    torch.manual_seed(0)
    kernel = torch.rand(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    return UniformBlur(kernel / kernel.sum(), size)


def patched() -> PatchedBlur:
    size = (70, 100)
    return PatchedBlur(size, [(t, pixelwise(size=tuple(t.weight.shape))) for t in tiles(*size, 48, 8)])


def shaken(kernel: str = "bilinear", size: tuple[int, int] = (21, 26)) -> ProjectiveBlur:
    path = torch.from_numpy(random_shake(np.random.default_rng(5), size, 7.0, steps=6))
    return ProjectiveBlur.along(path, size, torch.rand(6, dtype=torch.float64).softmax(0), kernel=kernel)


def flowing() -> FilterFlow:
    torch.manual_seed(0)
    kernels = torch.rand(4, 5, 9, 9, dtype=torch.float64).flatten(2).softmax(-1).view(4, 5, 9, 9)
    return FilterFlow(kernels, (21, 26), 8, (-2, -4))


def planes() -> PiecewiseBlur:
    size = (21, 26)
    paths = [torch.from_numpy(random_shake(np.random.default_rng(k), size, 7.0, steps=6)) for k in range(3)]
    return PiecewiseBlur.along(paths, torch.rand(2, 23, 28, dtype=torch.float64), size)


OPERATORS = {
    "pixelwise": pixelwise,
    "pixelwise batch": lambda: pixelwise(2),
    "patched": patched,
    "uniform": uniform,
    "projective": shaken,
    "projective bicubic": lambda: shaken("bicubic"),
    "filter flow": flowing,
    "piecewise": planes,
    "sampled flow": lambda: sampled_flow(shaken(), 8),
}


@pytest.fixture(params=OPERATORS)
def blur(request):
    return OPERATORS[request.param]()


def extended(blur, channels: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    height, width = (n + 2 * blur.margin for n in blur.size)
    return torch.randn(2 * getattr(blur, "count", 1), channels, height, width, dtype=torch.float64)


def test_adjoint(blur):
    check_adjoint(blur, tuple(extended(blur).shape), rel=1e-9)


def test_constants_stay(blur):
    u = torch.full_like(extended(blur), 0.7)
    assert torch.allclose(blur(u), torch.full((2, 2, *blur.size), 0.7, dtype=torch.float64), atol=1e-9)


def test_kernels_say_what_the_operator_does(blur):
    u = extended(blur)[:1].repeat(getattr(blur, "count", 1), 1, 1, 1)  # the same behind every matte
    points = torch.tensor([[0, 0], [blur.size[1] - 1, blur.size[0] - 1], [7, 11]])
    v, m = blur(u), blur.margin
    for (x, y), kernel in zip(points.tolist(), blur.kernels(points), strict=True):
        seen = u[0, :, y : y + 2 * m + 1, x : x + 2 * m + 1]
        assert torch.allclose((seen * kernel).sum((-2, -1)), v[0, :, y, x], atol=1e-9)


def test_part_is_the_same_blur(blur):
    u, m = extended(blur), blur.margin
    rows, columns = slice(3, 15), slice(5, 22)
    part = blur.part(rows, columns)
    seen = u[..., rows.start : rows.stop + 2 * m, columns.start : columns.stop + 2 * m]
    assert torch.allclose(part(seen), blur(u)[..., rows, columns], atol=1e-9)


def test_uniform_blur_is_solved_in_closed_form():
    blur = uniform()
    y, z = extended(blur), extended(blur).flip(-1)
    u = blur.solve(y, z, 0.3)
    back = UniformBlur(blur.kernel.flip(0, 1), blur.size).around(blur.around(u) - y)  # C'(C u - y)
    assert torch.allclose(back + 0.3 * (u - z), torch.zeros_like(u), atol=1e-9)


def test_a_shift_is_seen_where_the_path_leads():
    path = torch.eye(3, dtype=torch.float64).repeat(1, 1, 1)
    path[0, 0, 2], path[0, 1, 2] = 2, -1
    blur = ProjectiveBlur.along(path, (9, 11))
    u = extended(blur)
    m = blur.margin
    assert torch.allclose(blur(u), u[..., m - 1 : m + 8, m + 2 : m + 13])


def test_instants_between_those_given_keep_every_share():
    coarse = shaken()
    fine = ProjectiveBlur.along(coarse.path, coarse.size, coarse.weights, step=0.25)
    assert len(fine.path) > 2 * len(coarse.path)
    assert float(fine.weights.sum()) == pytest.approx(1)
    u = extended(fine)
    assert torch.allclose(fine(torch.ones_like(u)), torch.ones_like(fine(u)))


def test_a_path_is_found_by_gradients():
    blur = shaken()
    path = blur.path.clone().requires_grad_()
    u = extended(blur)
    ProjectiveBlur(path, blur.weights, blur.size, blur.margin)(u).square().sum().backward()
    assert path.grad.abs().amax((1, 2)).min() > 0


@pytest.mark.parametrize("path", [torch.eye(3), torch.ones(2, 3, 2), torch.diag(torch.tensor([1.0, 1, 0]))[None]])
def test_a_path_is_of_homographies_that_stay_in_view(path):
    with pytest.raises(ArgumentError, match="path must be"):
        ProjectiveBlur.along(path, (9, 9))


def test_sampled_kernels_are_nearly_those_of_the_path():
    slow = shaken(size=(61, 70))
    fast = sampled_flow(slow, 8)
    u = torch.nn.functional.avg_pool2d(extended(slow), 3, 1, 1)
    assert fast.margin == slow.margin
    assert float((fast(u) - slow(u)).std()) < 0.1 * float(slow(u).std())


def test_a_plane_in_front_hides_what_is_behind_it_instant_by_instant():
    size, still, moving = (9, 12), torch.eye(3).repeat(4, 1, 1), torch.eye(3).repeat(4, 1, 1)
    moving[:, 0, 2] = torch.tensor([-2.0, -1, 1, 2])
    matte = torch.zeros(1, 13, 16)
    matte[..., 7:9] = 1  # columns 5 and 6 at rest
    blur = PiecewiseBlur.along([still, moving], matte, size)
    u = extended(blur)[:2].float()
    u[1] = 5
    m = blur.margin
    v = blur(u)[0, :, 4]
    behind = u[0, :, m + 4, m : m + size[1]]
    covered = torch.tensor([sum(int(x + s in (5, 6)) for s in (-2, -1, 1, 2)) for x in range(12)]) / 4
    assert torch.allclose(v, covered * 5 + (1 - covered) * behind, atol=1e-5)
    sharp = blur.compose(u)[0, :, 4]
    assert torch.equal(sharp[:, 5:7], torch.full((2, 2), 5.0))
    assert torch.equal(sharp[:, :5], behind[:, :5])


def test_planes_know_where_the_picture_at_rest_shows_all_that_was_seen():
    size, still, moving = (9, 20), torch.eye(3).repeat(5, 1, 1), torch.eye(3).repeat(5, 1, 1)
    moving[:, 0, 2] = torch.arange(-2.0, 3)
    matte = torch.zeros(1, 13, 24)
    matte[..., 10:14] = 1  # columns 8 to 11 at rest
    blur = PiecewiseBlur.along([still, moving], matte, size)
    assert isinstance(blur, LayeredBlur)
    assert not isinstance(uniform(), LayeredBlur)
    # Behind columns 8 to 11 the far plane is seen while the near one is away, and its picture there is hidden at rest.
    assert blur.known()[4].tolist() == [x not in (8, 9, 10, 11) for x in range(20)]


@pytest.mark.parametrize(
    ("lengths", "shape", "name"),
    [((4, 5), (1, 9, 12), "paths"), ((4, 4), (2, 9, 12), "mattes"), ((4, 4), (1, 10, 13), "mattes")],
)
def test_planes_fit_each_other(lengths, shape, name):
    with pytest.raises(ArgumentError, match=f"{name} must be"):
        PiecewiseBlur.along([torch.eye(3).repeat(n, 1, 1) for n in lengths], torch.ones(shape), (9, 12))


@pytest.mark.parametrize("origin", [(1, 0), (-6, 0)])
def test_nodes_cover_the_picture(origin):
    with pytest.raises(ArgumentError, match="kernels_at must be nodes that cover 21 pixels"):
        FilterFlow(torch.ones(4, 5, 3, 3), (21, 26), 8, origin)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (1, 3, 3)])
def test_a_kernel_has_a_middle(shape):
    with pytest.raises(ArgumentError, match="kernel must be"):
        UniformBlur(torch.ones(shape), (9, 9))


def test_compressed_blur_of_as_many_kernels_is_the_same():
    blur = pixelwise(kernels=5)
    double = PixelwiseBlur(torch.cat((blur.basis, blur.basis), 1), torch.cat((blur.weights, blur.weights), 1) / 2)
    u = extended(blur)[:1]
    assert torch.allclose(double.compressed(5)(u), blur(u), atol=1e-6)
    few = [float((double.compressed(rank)(u) - blur(u)).norm()) for rank in (1, 3, 4)]
    assert few[0] > few[1] > few[2] > 1e-3


@pytest.mark.parametrize("extent", [5.0, 25.0])
def test_shake_has_the_asked_extent_and_no_shift(extent):
    way = apply(
        random_shake(np.random.default_rng(3), (60, 80), extent),
        np.array([[0, 0], [79, 0], [0, 59], [79, 59], [39.5, 29.5]]),
    )
    across = max(np.linalg.norm(p[:, None] - p[None], axis=-1).max() for p in way.swapaxes(0, 1))
    assert across == pytest.approx(extent, rel=0.02)
    assert way[:, 4].mean(0) == pytest.approx([39.5, 29.5], abs=1e-6)
