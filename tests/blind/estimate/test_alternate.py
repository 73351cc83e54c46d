"""The blur from the picture alone, without a network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.support.pictures import blocks
from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.confidence import ConfidenceGate, confidence, spread
from vsdeblur.blind.estimate.kernel_step import fitted, nonnegative
from vsdeblur.blind.estimate.latent import StrongEdges, strong_edges
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.path import estimate_path, estimate_uniform, refine
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.estimate.quadratic import KernelQuadratic
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError

pytestmark = pytest.mark.quick


def hook(n: int = 9) -> torch.Tensor:
    kernel = torch.zeros(n, n)
    kernel[n // 2 - 2 : n // 2 + 3, n // 2 - 1] = 1
    kernel[n // 2 + 2, n // 2 - 1 : n // 2 + 3] = 1
    return kernel / kernel.sum()


def likeness(found: torch.Tensor, truth: torch.Tensor) -> float:
    """The largest normalised correlation over shifts: the blur is only known up to one."""
    reach = 4
    wide = F.pad(found, (reach,) * 4)[None, None]
    seen = F.conv2d(wide, F.pad(truth, [(found.shape[-1] - truth.shape[-1]) // 2] * 4)[None, None])
    return float(seen.max() / (found.norm() * truth.norm()))


def sway(n: int, turns: int) -> torch.Tensor:
    density = torch.zeros(turns, n, n)
    for k in range(turns):
        density[k, n // 2, n // 2 - turns // 2 + k] = 1
    return density / density.sum()


def test_patches_cover_the_picture_once():
    patches = Patches.over((50, 61), 4)
    picture = torch.rand(1, 2, 50 + 6, 61 + 6)
    assert torch.allclose(patches.join(patches.cut(picture, 3), 3), picture, atol=1e-5)
    assert len(patches.middles) == 16
    assert (patches.middles >= 0).all()
    assert torch.allclose(patches.join(torch.ones(16, 1, *patches.windows.shape[-2:]), 0), torch.ones(1, 1, 50, 61))


def test_evidence_is_the_misfit():
    torch.manual_seed(0)
    n, m = 7, 3
    u = F.pad(torch.randn(2, 2, 20, 22), (m + m,) * 4)  # zero where v ends, so that R is Toeplitz
    kernel = torch.rand(2, n, n)
    v = F.pad(torch.randn(2, 2, 20, 22), (m,) * 4)
    seen = torch.stack([F.conv2d(one[:, None], k[None, None])[:, 0] for one, k in zip(u, kernel, strict=True)])
    expected = (v - seen).square().sum((1, 2, 3))
    assert torch.allclose(KernelQuadratic.of(u, v, n).residual(kernel), expected, rtol=1e-3)


def test_nonnegative_least_squares():
    torch.manual_seed(0)
    matrix = torch.rand(12, 5).double()
    gram, truth = matrix.T @ matrix, torch.tensor([[0.3], [0.0], [0.5], [0.2], [0.0]]).double()
    found = nonnegative(lambda w: gram @ w, gram @ truth, torch.full((5, 1), 0.2).double(), steps=3000)
    assert torch.allclose(found, truth, atol=1e-3)
    pushed = nonnegative(lambda w: w, torch.tensor([[-1.0], [2.0]]), torch.ones(2, 1))
    assert torch.allclose(pushed, torch.tensor([[0.0], [2.0]]), atol=1e-4)


def test_local_kernels_are_those_of_the_camera():
    poses = Poses(sway(9, 5), (60, 80))
    points = torch.tensor([[0, 0], [79, 59], [40, 30], [12, 50]])
    which = poses.active(0)
    found = (poses.shares(which, points) @ poses.density[which.unbind(1)][:, None]).view(4, 9, 9)
    assert torch.allclose(found, poses.blur.kernels(points), atol=1e-4)
    assert torch.allclose(found.sum((1, 2)), torch.ones(4), atol=1e-5)


def test_a_step_of_the_grid_is_a_pixel():
    for axis, point in ((0, [40, 60]), (1, [40, 30]), (2, [40, 30])):
        density = torch.zeros(5, 9, 9)
        density[tuple(m // 2 + (a == axis) for a, m in enumerate(density.shape))] = 1
        homography = Poses(density, (61, 81)).homographies(density.nonzero())[0]
        seen = homography @ torch.tensor([*point, 1.0]).double()
        assert float((seen[:2] / seen[2] - torch.tensor(point)).norm()) == pytest.approx(1, abs=0.05)


def test_fitting_finds_the_movement_in_its_kernels():
    poses = Poses(sway(9, 3), (60, 80))
    points = Patches.over((60, 80), 4).middles
    kernels = poses.blur.kernels(points)
    found = fitted(kernels, Poses.still((60, 80), 9, 5), points)
    error = (found.blur.kernels(points) - kernels).norm() / kernels.norm()
    assert error < 0.25


def test_a_grid_of_half_pixels_has_kernels_that_one_of_whole_pixels_has_not():
    """With the sharp picture known, so that the grid alone limits."""
    size, points = (96, 104), Patches.over((96, 104), 3).middles
    density = torch.zeros(5, 17, 17)
    for k in range(5):
        density[k, 8, 5 + k] = 0.2  # half a pixel and half a step of roll each
    blur = Poses(density, size, 0.5).blur
    sharp = blocks(96 + 8, 104 + 8, seed=3)
    start = Poses.nearly_still(size, 9, 3)

    def error(step):
        found = Alternation(4, 0.5, 3, 3, expectation=lambda *given: sharp, step=step)
        kernels = found.improved(blur(sharp), start, 0.003, rounds=12).blur.kernels(points)
        return float((kernels - blur.kernels(points)).norm())

    assert error(0.5) < 0.75 * error(1.0)


def test_a_finer_grid_has_the_same_movement():
    poses = Poses(sway(9, 3), (60, 80))
    finer = poses.finer(0.5)
    points = torch.tensor([[40, 30], [5, 7]])
    assert finer.density.shape == (5, 17, 17)
    assert finer.side == poses.side == 9
    assert finer.cleaned().step == finer.zoomed((120, 160), 1.5).step == 0.5
    assert spread(finer.blur.kernels(points)) == pytest.approx(spread(poses.blur.kernels(points)), abs=0.3)


def test_cleaning_keeps_the_curve_and_centres_it():
    density = torch.zeros(1, 11, 11)
    density[0, 3, 2:7] = 1.0
    density[0, 9, 9] = 0.2  # apart and less than a tenth
    density[0, 4, 2] = 0.01  # faint
    found = Poses(density, (50, 50)).cleaned(0.05)
    assert (found.density > 0).sum() == 5
    assert found.density[0, 5, 3:8].sum() == pytest.approx(1)


def test_strong_edges_undo_a_known_blur():
    u = blocks(72, 80)
    blur = UniformBlur(hook(), (64, 72))
    v = blur(u)
    found = strong_edges(v, blur.kernel[None], 1e-3)[..., 4:-4, 4:-4]
    truth = u[..., 4:-4, 4:-4]
    assert (found - truth).square().mean() < 0.5 * (v - truth).square().mean()


def test_a_kernel_is_found():
    u = blocks(104, 112)
    v = UniformBlur(hook(), (96, 104))(u) + 0.005 * torch.randn(1, 1, 96, 104, generator=torch.manual_seed(0))
    found = estimate_uniform(v, 0.005, reach=6)
    assert likeness(found.kernel, hook()) > 0.85
    assert likeness(found.kernel, hook()) > likeness(F.pad(torch.ones(1, 1), (6,) * 4), hook()) + 0.3


@pytest.mark.parametrize("level", [0.0, 0.02])
def test_no_edges_no_blur(level):
    v = 0.5 + level * torch.randn(1, 1, 64, 64, generator=torch.manual_seed(1))
    kernel = estimate_uniform(v, max(level, 0.002), reach=4).kernel
    assert kernel.isfinite().all()
    assert kernel.sum() == pytest.approx(1, abs=1e-4)


def test_path_finds_roll_and_refining_keeps_it():
    """The kernels differ from place to place: one for all of the picture is wrong by more than twice as much."""
    size = (128, 128)
    blur = Poses(sway(9, 7), size).blur
    v = blur(blocks(136, 136, seed=3))
    points = Patches.over(size, 3).middles

    def error(found):
        reach = max(blur.margin, found.margin)
        wide, true = (F.pad(one.kernels(points), (reach - one.margin,) * 4) for one in (found, blur))
        return float((wide - true).norm())

    uniform, found = estimate_uniform(v, 0.003, reach=4), estimate_path(v, 0.003, reach=4)
    assert error(found) < 0.5 * error(uniform)
    assert error(refine(v, blur, 0.003, reach=4, rounds=2)) < 0.5 * error(uniform)
    assert found.size == size
    assert found.kernels(points).sum((1, 2)) == pytest.approx(torch.ones(9), abs=1e-3)


def test_another_expectation_can_be_asked():
    asked = []

    def expectation(v, blur, sigma, progress):
        asked.append((blur.size, sigma, progress))
        return F.pad(v, (blur.margin,) * 4, mode="replicate")

    Alternation(reach=2, rounds=3, expectation=expectation)(blocks(48, 52), 0.01)
    assert asked[-1] == ((48, 52), 0.01, 1.0)
    assert [progress for *_, progress in asked[:6]] == [0, 0.5, 1] * 2  # at each scale from the strongest edges on
    assert {progress for *_, progress in asked[6:]} == {1.0}


def test_fewer_edges_while_the_blur_is_not_settled():
    v = blocks(64, 64)
    still = UniformBlur(torch.ones(1, 1), (64, 64))

    def edges(progress):
        return int((StrongEdges()(v, still, 0.003, progress).diff(dim=-1).abs() > 0.05).sum())

    assert 0 < edges(0.0) < edges(0.5) < edges(1.0)


@pytest.mark.parametrize(("left", "passes"), [(0.85, True), (0.97, False)])
def test_a_blur_passes_where_it_leaves_fewer_edges(monkeypatch, left, passes):
    edges = iter((1.0, left))  # without a blur, and through it
    monkeypatch.setattr(
        "vsdeblur.blind.estimate.confidence.cost", lambda *given: (1.0, 0.3 * torch.full((9,), next(edges)))
    )
    v = blocks(96, 104)
    assert (confidence(v, UniformBlur(hook(), (96, 104)), 0.003) > 0.7) == passes


@pytest.mark.parametrize(("filled", "passes"), [(False, True), (True, False)])
def test_a_blur_passes_where_it_is_a_path(monkeypatch, filled, passes):
    """What is found in waves or clouds spreads over the plane."""
    edges = iter((1.0, 0.85))
    monkeypatch.setattr(
        "vsdeblur.blind.estimate.confidence.cost", lambda *given: (1.0, 0.3 * torch.full((9,), next(edges)))
    )
    kernel = torch.ones(11, 11) / 121 if filled else hook(11)
    gate = ConfidenceGate(lambda v: UniformBlur(kernel, (96, 104)))
    assert bool(gate(blocks(96, 104)).margin) == passes


def test_the_pieces_of_largest_gradient_are_looked_at():
    picture = torch.zeros(1, 1, 60, 90)
    picture[..., 40:50, 70:76] = 1
    patches = Patches.by_gradient(picture, 2, 20)
    assert patches.windows.shape == (4, 1, 20, 20)
    y, x = patches.rows[-1], patches.columns[-1]
    assert y < 40 < 50 < y + 20
    assert x < 70 < 76 < x + 20
    assert patches.cut(picture)[-1].sum() == 60
    assert Patches.by_gradient(picture[..., :10, :], 2, 20).windows.shape == (4, 1, 10, 20)


def test_a_movement_goes_on_when_it_is_looked_at_closer():
    poses = Poses(F.pad(sway(13, 3), (0, 0, 0, 0, 2, 2)), (60, 80)).cleaned()
    closer = poses.zoomed((120, 160), 2.0)
    points = torch.tensor([[5, 7], [70, 50]])
    assert closer.density.shape == poses.density.shape
    assert spread(closer.blur.kernels(2 * points)) == pytest.approx(2 * spread(poses.blur.kernels(points)), rel=0.2)
    assert poses.fullness == pytest.approx(1 / 3)  # of roll
    assert Poses.still((60, 80), 13).fullness == 0


def test_large_pictures_are_looked_at_closer(monkeypatch):
    monkeypatch.setattr("vsdeblur.blind.estimate.path.LARGEST", 80)
    monkeypatch.setattr("vsdeblur.blind.estimate.multiscale.SIDE", 64)
    monkeypatch.setattr("vsdeblur.blind.estimate.multiscale.PIECES", 2)
    v = UniformBlur(hook(), (96, 152))(blocks(104, 160, seed=3))
    found = estimate_uniform(v, 0.003, reach=6)
    assert found.size == (96, 152)
    assert likeness(F.pad(found.kernel, (6 - found.margin,) * 4), hook()) > 0.9


def test_faults_are_named():
    with pytest.raises(ArgumentError, match="at least 48 px"):
        estimate_uniform(torch.rand(1, 1, 20, 60))
    with pytest.raises(ArgumentError, match="one picture"):
        estimate_path(torch.rand(2, 1, 60, 60))


def test_spread_is_that_of_the_light():
    kernels = torch.zeros(2, 9, 9)
    kernels[0, 4, 4] = 1
    kernels[1, 2, 1] = kernels[1, 2, 7] = 0.5
    assert spread(kernels) == pytest.approx(torch.tensor([0.0, 3.0]))


def test_a_blur_passes_where_there_is_one():
    wide = hook(13)
    wide = F.interpolate(wide[None, None, 2:-2, 2:-2], (13, 13), mode="bilinear")[0, 0]
    blur = UniformBlur(wide / wide.sum(), (96, 104))
    assert confidence(blur(blocks(108, 116)), blur, 0.003) > 0.9
    assert confidence(blocks(96, 104), blur, 0.003) == 0  # sharp edges, which this blur could not have left


@pytest.mark.parametrize("level", [0.0, 0.02])
def test_no_edges_no_confidence(level):
    v = 0.5 + level * torch.randn(1, 1, 64, 64, generator=torch.manual_seed(1))
    assert confidence(v, estimate_uniform(v, max(level, 0.002), reach=4)) == 0


def test_sharp_pictures_are_left_alone():
    v = blocks(96, 104) + 0.005 * torch.randn(1, 1, 96, 104, generator=torch.manual_seed(0))
    blur = ConfidenceGate(lambda picture: estimate_uniform(picture, reach=6))(v)
    assert blur.margin == 0
    assert torch.allclose(blur(v), v, atol=1e-6)


def test_text_is_left_alone():
    import cv2

    page = np.full((72, 120), 242, np.uint8)
    for y in (18, 40, 62):
        cv2.putText(page, "Sharp text", (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 13, 1, cv2.LINE_AA)
    v = torch.from_numpy(page)[None, None] / 255
    wrong = UniformBlur(torch.full((9, 9), 1 / 81), (72, 120))
    assert confidence(v, wrong, 0.002) == 0
