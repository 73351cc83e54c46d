"""The network without a first flow: its symmetry in time, absent neighbours, and the pieces it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.matching import correlation, lucas_kanade
from vsdeblur.flow.path_motion import PathMotion
from vsdeblur.flow.path_net import ALIGN, SCALE, PathNet, Ways
from vsdeblur.window import Window

pytestmark = pytest.mark.quick

H, W = 50, 70  # not multiples of what the network takes


def texture(height: int = H, width: int = 200) -> Tensor:
    """(3, height, width), smooth over a few pixels."""
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(3))
    return F.interpolate(coarse, (height, width), mode="bicubic")[0].clamp(0, 1)


def pan(count: int = 4, speed: int = 2) -> Tensor:
    """(count, 3, H, W): a texture that moves by ``speed`` pixels a period."""
    wide = texture()
    return torch.stack([wide[..., 60 - speed * n : 60 - speed * n + W] for n in range(count)]).contiguous()


@pytest.fixture(scope="module")
def network() -> PathNet:
    """With random weights in its last layers, so that it does something."""
    torch.manual_seed(0)
    net = PathNet()
    updates = (net.update, net.refine)
    heads = [layer for update in updates for layer in (update.change, update.bend, update.judge)]
    for layer in (*heads, net.fine, net.exposure[-1]):
        torch.nn.init.normal_(layer.weight, std=0.02)
    return net.eval()


@torch.no_grad()
def test_the_film_run_backwards_has_the_reversed_ways(network: PathNet) -> None:
    frames = pan(3)[None, ..., : 2 * ALIGN].contiguous()
    frames = F.pad(frames.flatten(0, 1), (0, 0, 0, 2 * ALIGN - H), mode="replicate")[None]
    shutter, present = torch.tensor([0.5]), torch.ones(1, 2)
    ahead, back = (network(x, shutter, present) for x in (frames, frames.flip(1)))
    assert float(ahead[-1].way.abs().max()) > 0.5
    for a, b in zip(ahead, back, strict=True):
        torch.testing.assert_close(a.way.flip(1), b.way, rtol=0, atol=1e-3)
        torch.testing.assert_close(a.spread.flip(1), b.spread, rtol=0, atol=1e-3)
        torch.testing.assert_close(a.bend, -b.bend, rtol=0, atol=1e-3)
        assert float(a.bend.abs().max()) > 0.01


@torch.no_grad()
def test_an_absent_neighbour_is_not_looked_at(network: PathNet) -> None:
    frames = torch.rand(1, 3, 3, ALIGN, ALIGN, generator=torch.Generator().manual_seed(1))
    other = frames.clone()
    other[:, 0] = torch.rand(3, ALIGN, ALIGN, generator=torch.Generator().manual_seed(2))
    present = torch.tensor([[1.0, 0.0]])
    first, again = (network(x, torch.ones(1), present)[-1] for x in (frames, other))
    found = first.way
    assert torch.equal(found, again.way)
    assert not first.bend.any()
    torch.testing.assert_close(found[:, 1], -found[:, 0])
    alone = network(frames, torch.ones(1), torch.ones(1, 2))[-1].way
    assert not torch.allclose(alone, found, atol=1e-3)


def test_correlation_finds_the_move() -> None:
    features = F.normalize(torch.rand(1, 8, 12, 12, generator=torch.Generator().manual_seed(0)) - 0.5, dim=1)
    near = correlation(features, features.roll((2, -1), (2, 3)))  # two cells down, one to the left
    row, column = divmod(int(near[0, :, 6, 6].argmax()), 7)
    assert (column - 3, row - 3) == (-1, 2)
    assert float(near[0, 7 * row + column, 6, 6]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("move", [(0.6, 0.0), (-0.5, 0.4)])
def test_lucas_kanade_finds_what_a_way_leaves(move: tuple[float, float]) -> None:
    """Grey values are at twice the cells' resolution, moves in cells."""
    wide = texture(80, 80).mean(0)[None, None]
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")
    at = torch.stack((x - 2 * move[0], y - 2 * move[1]), -1) * (2 / 79) - 1
    b = F.grid_sample(wide, at[None], mode="bicubic", padding_mode="border", align_corners=True)
    found = lucas_kanade(wide, b, torch.zeros(1, 2, 40, 40))
    assert found.shape == (1, 2, 2, 40, 40)
    for window in found[0]:
        median = window[:, 5:-5, 5:-5].flatten(1).median(1).values
        assert median.tolist() == pytest.approx(move, abs=0.12)
    way = torch.tensor(move).view(1, 2, 1, 1).expand(1, 2, 40, 40).contiguous()
    rest = lucas_kanade(wide, b, way)[0, :, :, 5:-5, 5:-5]
    assert float(rest.abs().median()) < 0.03


def test_the_expected_error_is_that_of_the_mixture() -> None:
    spread = torch.zeros(1, 2, 2, 1, 1)
    spread[:, :, 1] = torch.tensor(8.0).log()
    way, bend = torch.zeros_like(spread), torch.zeros(1, 2, 1, 1)
    error = Ways(way, bend, spread).error()
    assert error.flatten().tolist() == pytest.approx([SCALE * 4.5] * 2)
    spread[:, :, 0] = 30.0
    assert Ways(way, bend, spread).error().flatten().tolist() == pytest.approx([SCALE] * 2)


def test_cuts_and_ends_have_no_motion_across(network: PathNet) -> None:
    motion = PathMotion(network, linear=False)(Window(pan(5), 10, 0, 5, cuts=frozenset({13})), 1.0)
    assert motion.path.shape == (5, 6, H, W)
    linked = [(bool(a.any()), bool(b.any())) for a, b in motion.occlusion]
    assert linked == [(True, False), (True, True), (False, True), (True, False), (False, True)]
    for n in (0, 2, 3, 4):
        assert not motion.path[n, 2:].any()  # even motion where there is one neighbour
    assert motion.path[1, 2:4].any()
    assert motion.path[1, 4:].any()
    for field in (motion.reliability, motion.occlusion):
        assert 0 <= float(field.min()) <= float(field.max()) <= 1


def test_a_flow_between_two_pictures(network: PathNet) -> None:
    frames = pan(2)
    engine = PathMotion(network, linear=False)
    flow = engine.between(frames[0], frames[1])
    assert flow.shape == (2, H, W)
    window = engine(Window(frames, 0, 0, 2), 1.0)
    torch.testing.assert_close(window.path[0, :2], flow)
    grey = engine.between(frames[0, :1], frames[1, :1])
    assert grey.shape == (2, H, W)


def test_weights_by_path(network: PathNet, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="exists"):
        find_motion_engine(f"paths:{tmp_path}/paths.safetensors")
    (tmp_path / "other.safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match="not weights"):
        find_motion_engine(f"paths:{tmp_path}/other.safetensors")
    save_file(network.state_dict(), tmp_path / "paths.safetensors")
    frames = pan()
    found = find_motion_engine(f"paths:{tmp_path}/paths.safetensors", linear=False)(Window(frames, 0, 0, 4), 1.0)
    torch.testing.assert_close(found.path, PathMotion(network, linear=False)(Window(frames, 0, 0, 4), 1.0).path)
