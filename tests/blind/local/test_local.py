"""Things that move on their own in one picture: how they are read, grouped, undone, and what stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.pictures import blocks
from tests.support.quality import psnr
from vsdeblur.blind import restore_frame
from vsdeblur.blind.frame import blurred_share, deblurred
from vsdeblur.blind.local import estimate, parts
from vsdeblur.blind.local.estimate import LocalMotion, load_local_motion
from vsdeblur.blind.local.lags import DIRECTIONS, LAGS, lag_maps, part_lags
from vsdeblur.blind.local.local_net import LENGTHS, LocalNet
from vsdeblur.blind.local.parts import MovingPart, motion_of, moving_parts, outlined, roughness
from vsdeblur.blind.methods import estimator_of
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import InputError
from vsdeblur.settings.parse import DECONVOLVERS

SIZE = 96, 128
LENGTH, TURN = 14.0, 4  # pixels, and directions of half a turn


class Known(LocalNet):
    """Finds what it was made with, wherever it is shown."""

    def __init__(self, mattes: Tensor, turn: int = TURN, length: float = LENGTH) -> None:
        super().__init__()
        self.mattes, self.best = mattes, (turn, int((length - 4) / 2))

    def forward(self, picture: Tensor, lags: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(self.mattes[None], picture.shape[-2:]).logit(1e-4)

    def motion(self, lags: Tensor) -> Tensor:
        votes = torch.full((len(lags), DIRECTIONS, len(LENGTHS)), -20.0)
        votes[:, self.best[0], self.best[1]] = 0
        return votes


def disc(size: tuple[int, int] = SIZE, radius: float = 26) -> Tensor:
    """(H, W): a matte in the middle."""
    y, x = (torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in size)
    return (radius + 0.5 - torch.hypot(x, y[:, None])).clamp(0, 1)


def passing(length: float = LENGTH, angle: float = math.pi * TURN / DIRECTIONS) -> tuple[Tensor, Tensor, PiecewiseBlur]:
    """A disc that goes before blocks: blurry, sharp (3, H, W), and the true blur."""
    matte = disc()
    part = MovingPart(matte, angle, length, 1.0)
    instants = int(length) | 1
    blur = PiecewiseBlur.along([torch.eye(3).repeat(instants, 1, 1), part.path(instants)], matte[None], SIZE)
    m = blur.margin
    half = torch.cat([blocks(SIZE[0] // 2 + m, SIZE[1] // 2 + m, seed) for seed in (1, 2)]).expand(-1, 3, -1, -1)
    u = torch.nn.functional.interpolate(half, scale_factor=2.0, mode="bicubic").clamp(0, 1)
    torch.manual_seed(2)
    return (blur(u) + 0.003 * torch.randn(1, 3, *SIZE))[0], blur.compose(u)[0], blur


def known() -> LocalMotion:
    blur = passing()[2]
    return LocalMotion(Known(torch.stack((disc(), blur.seen()[1]))).eval())


@pytest.fixture
def any_steepness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts may be as steep as they like."""
    monkeypatch.setattr(parts, "_ROUGH", math.inf)


@pytest.mark.parametrize("turn", [0, 8])
def test_the_derivative_along_a_motion_has_a_trough_at_its_length(turn: int) -> None:
    torch.manual_seed(0)
    blurred = torch.randn(1, 1, 128, 128 + 11).unfold(-1, 12, 1).mean(-1)
    lags = lag_maps(blurred if turn == 0 else blurred.mT)[0, 2:-2, 2:-2].mean((0, 1))
    along, across = lags[:, turn]
    assert int(along.argmin()) == 6  # of two pixels each
    assert float(along[6]) < -0.3 * float(along[0])
    assert float(across[3]) == pytest.approx(0.5 * float(across[0]), rel=0.2)  # streaks: half of them overlap
    other = lags[0, (turn + 8) % DIRECTIONS]
    assert float(other[6].abs()) < 0.1


def test_maps_turn_with_the_picture() -> None:
    picture = blocks(96, 96)
    turned = lag_maps(picture.mT)[0]
    expected = lag_maps(picture)[0].transpose(0, 1).flip(3).roll(1 + DIRECTIONS // 2, 3)
    assert torch.allclose(turned, expected, atol=1e-4)


def test_many_places_are_as_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lag_maps(blocks(96, 128))
    monkeypatch.setattr("vsdeblur.blind.local.lags._AT_ONCE", 7)
    assert torch.allclose(lag_maps(blocks(96, 128)), whole, atol=1e-6)


def test_a_part_of_one_place_is_that_place() -> None:
    picture = blocks(96, 128)
    lags = lag_maps(picture)
    share = torch.zeros(1, 6, 8)
    share[0, 2, 3] = 0.4
    found = part_lags(picture, lags, share)
    assert found.shape == (1, 4, DIRECTIONS, LAGS)
    assert torch.allclose(found[0], lags[0, 2, 3].repeat(2, 1, 1), atol=1e-5)


def test_a_motion_lies_between_the_steps() -> None:
    votes = torch.full((DIRECTIONS, len(LENGTHS)), -20.0)
    votes[0, 3], votes[DIRECTIONS - 1, 3] = 0, 0  # half a step either side of -pi / 32
    angle, length, sure = motion_of(votes)
    assert math.sin(2 * angle) == pytest.approx(math.sin(-2 * math.pi / 32), abs=1e-3)
    assert length == pytest.approx(10, abs=0.01)
    assert sure == pytest.approx(1, abs=1e-3)
    assert motion_of(torch.zeros(DIRECTIONS, len(LENGTHS)))[2] < 0.1


def test_a_straight_path_has_its_middle_at_rest() -> None:
    path = MovingPart(disc(), math.pi / 2, 15.0, 1.0).path(15)
    assert path[:, 1, 2].tolist() == pytest.approx([k - 7 for k in range(15)], abs=1e-4)
    assert path[:, 0, 2].abs().max() < 1e-4


def test_parts_are_what_is_connected(any_steepness: None) -> None:
    mattes = torch.zeros(2, *SIZE)
    mattes[:, 10:50, 10:50], mattes[:, 60:90, 80:120], mattes[:, 5:9, 100:104] = 0.99, 0.99, 0.99
    picture = blocks(*SIZE).expand(-1, 3, -1, -1)
    first, second = moving_parts(picture, lag_maps(picture), Known(mattes))
    assert float(first.matte[14:46, 14:46].min()) > 0.99
    assert float(first.matte[60:90, 80:120].max()) == 0
    assert float(second.matte[64:86, 84:116].min()) > 0.99
    assert first.length == pytest.approx(LENGTH, abs=0.1)
    assert first.confidence == pytest.approx(0.99, abs=0.01)


def test_sharp_parts_are_steeper_than_those_that_moved() -> None:
    v, u, _ = passing()
    moved, sharp = (
        roughness(picture[None], disc(radius=22), math.pi * TURN / DIRECTIONS, LENGTH) for picture in (v, u)
    )
    assert moved < parts._ROUGH < 0.6 * sharp
    assert roughness(v[None], torch.zeros(SIZE), 0.0, LENGTH) == math.inf
    still = LocalMotion(known().network)
    assert still.parts(u[None]) == []


def test_an_outline_follows_the_colours() -> None:
    """The network's matte is a few pixels off; the thing is darker than what is behind it."""
    matte = disc()
    picture = (0.8 - 0.5 * matte).expand(1, 3, -1, -1) + 0.01 * torch.randn(1, 3, *SIZE)
    found = outlined(picture, 0.97 * disc(radius=22) + 0.4 * (disc(radius=32) - disc(radius=22)))
    assert float((found - matte).abs().mean()) < 0.02
    assert torch.equal(found, outlined(picture, 0.97 * disc(radius=22) + 0.4 * (disc(radius=32) - disc(radius=22))))
    unsure = 0.6 * matte
    assert torch.equal(outlined(picture, unsure), unsure)


def test_shares_of_the_exposure_add_up() -> None:
    blur = passing()[2]
    seen = blur.seen()
    assert torch.allclose(seen.sum(0), torch.ones(SIZE), atol=1e-5)
    assert float(seen[1, 48, 64]) == pytest.approx(1, abs=1e-4)
    assert float(seen[1, 0, 0]) == 0
    inside = blur.moved()
    assert bool((inside <= seen[1] + 1e-5).all())
    assert 0.02 < float((seen[1] - inside).mean()) < 0.2
    share = blurred_share(blur)[0, 0]
    assert float(share[48, 64]) == 1
    assert float(share[:, :20].max()) == 0


def test_what_moved_is_restored_and_the_rest_stays() -> None:
    v, u, true = passing()
    sharp, blur = restore_frame(v, estimator=known())
    moved = true.seen()[1] > 0.02
    assert psnr(sharp[:, moved], u[:, moved]) > psnr(v[:, moved], u[:, moved]) + 1
    still = true.seen()[1] == 0
    assert isinstance(blur, PiecewiseBlur)
    assert torch.equal(sharp[:, still], v[:, still])


def test_only_what_is_blurred_is_worked_on() -> None:
    """A picture far larger than what moved in it costs what that costs."""
    size = (96, 640)
    matte = torch.zeros(size)
    matte[:, :128] = disc()
    part = MovingPart(matte, 0.0, 9.0, 1.0)
    blur = PiecewiseBlur.along([torch.eye(3).repeat(9, 1, 1), part.path(9)], matte[None], size)
    seen: list[tuple[int, ...]] = []

    def darker(v: Tensor, blur: PiecewiseBlur, sigma: float) -> Tensor:
        seen.append(tuple(v.shape))
        assert blur.size == v.shape[-2:]
        return 0.98 * v

    v = blocks(*size)
    out = deblurred(v, blur, 0.01, darker, 1024)
    assert len(seen) == 1
    assert seen[0][-1] < 230
    assert torch.equal(out[..., 200:], v[..., 200:])
    assert float((out - v)[..., 30:90].abs().max()) > 0.005


def test_a_camera_that_moves_is_no_part() -> None:
    everything = LocalMotion(Known(torch.full((2, *SIZE), 0.99)).eval())
    v = blocks(*SIZE)
    assert everything(v).margin == 0
    sharp, _ = restore_frame(v[0], estimator=everything)
    assert torch.equal(sharp, v[0])


def test_unsure_parts_and_tiny_pictures_stay() -> None:
    assert LocalMotion(known().network, threshold=1.1).parts(blocks(*SIZE)) == []
    assert known()(blocks(20, 60)).margin == 0


def test_large_pictures_are_looked_at_smaller(monkeypatch: pytest.MonkeyPatch, any_steepness: None) -> None:
    monkeypatch.setattr(estimate, "_LARGEST", SIZE[0] * SIZE[1])
    (part,) = known().parts(blocks(2 * SIZE[0], 2 * SIZE[1]))
    assert part.matte.shape == (2 * SIZE[0], 2 * SIZE[1])
    assert part.length == pytest.approx(2 * LENGTH, rel=0.05)


@pytest.mark.parametrize("size", [(97, 131), (64, 33)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    network = LocalNet().eval()
    for part in LocalMotion(network, threshold=0.0).parts(blocks(*size).expand(-1, 3, -1, -1)):
        assert part.matte.shape == size


def test_weights_of_ones_own(tmp_path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(4)
    network = LocalNet()
    save_file(network.state_dict(), tmp_path / "local.safetensors")
    for path in (tmp_path, tmp_path / "local.safetensors"):
        found = estimator_of(f"local:{path}", torch.device("cpu"))
        assert isinstance(found, LocalMotion)
        assert torch.equal(found.network.places.weight, network.places.weight)
    (tmp_path / "local.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="vsdeblur train local"):
        load_local_motion(tmp_path)


def test_the_automatic_choice_looks_for_things_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no path of the camera is found."""
    monkeypatch.setattr("vsdeblur.blind.local.estimate.load_local_motion", lambda *_: known())
    none = UniformBlur(torch.ones(1, 1), SIZE)
    monkeypatch.setattr("vsdeblur.blind.methods.ConfidenceGate", lambda _: lambda _: none)
    monkeypatch.setattr("vsdeblur.blind.methods.CameraBlur", lambda: lambda _: none)
    v, u, true = passing()
    sharp, blur = restore_frame(v)
    assert isinstance(blur, PiecewiseBlur)
    moved = true.seen()[1] > 0.3
    assert psnr(sharp[:, moved], u[:, moved]) > psnr(v[:, moved], u[:, moved]) + 1
    assert restore_frame(v, estimator="path")[1] is none
    camera = UniformBlur(torch.full((3, 3), 1 / 9), SIZE)
    monkeypatch.setattr("vsdeblur.blind.methods.CameraBlur", lambda: lambda _: camera)
    assert restore_frame(v)[1] is camera


@pytest.mark.parametrize("deconvolver", DECONVOLVERS)
def test_every_deconvolver_takes_parts(deconvolver: str) -> None:
    v, _, blur = passing()
    sharp, _ = restore_frame(v, estimator=lambda _: blur, deconvolver=deconvolver)
    assert torch.isfinite(sharp).all()
    assert torch.equal(sharp[:, :, :20], v[:, :, :20])


@pytest.mark.parametrize("still", [lambda: blocks(160, 160), lambda: torch.rand(1, 3, 96, 96)])
def test_released_weights_leave_still_pictures(still: Callable[[], Tensor]) -> None:
    torch.manual_seed(5)
    v = still()[0]
    sharp, blur = restore_frame(v, estimator="local")
    assert blur.margin == 0
    assert torch.equal(sharp, v)
