"""Parts that turn and come nearer: their motion from votes of patches and from pictures."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.pictures import blocks
from vsdeblur.blind.local.estimate import load_local_motion
from vsdeblur.blind.local.lags import CELL, DIRECTIONS, lag_maps, part_lags, straightened
from vsdeblur.blind.local.local_net import LENGTHS, LocalNet
from vsdeblur.blind.local.motion import PlanarMotion
from vsdeblur.blind.local.parts import moving_parts
from vsdeblur.blind.local.planes import PatchVotes, planar_motion
from vsdeblur.blind.local.votes import motion_of
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.projective import ProjectiveBlur

SIDE = 192
MIDDLE = torch.tensor([96.0, 96.0])
TURNING = PlanarMotion.similar(torch.tensor([0.0, 0.0, 0.0, 0.3]), MIDDLE + 20)
NEARING = PlanarMotion.similar(torch.tensor([3.0, -4.0, 0.25, 0.0]), MIDDLE)
STRAIGHT = PlanarMotion.straight(0.9, 16.0)
KINDS = pytest.mark.parametrize("motion", [TURNING, NEARING, STRAIGHT], ids=["turning", "nearing", "straight"])


def spots(radius: int = 4) -> Tensor:
    """(N, 2): middles of places of a square part."""
    at = torch.arange(-radius, radius + 1) * float(CELL)
    return MIDDLE + torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).view(-1, 2)


def votes_for(ways: Tensor) -> Tensor:
    """(N, DIRECTIONS, lengths): logarithms that are highest at the motion of each, its sign left out."""
    turn = torch.atan2(ways[:, 1], ways[:, 0]) % math.pi * (DIRECTIONS / math.pi)
    off = (torch.arange(DIRECTIONS) - turn[:, None] + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2
    far = (LENGTHS - ways.norm(dim=1, keepdim=True)) / 2
    return -(off[:, :, None].square() + far[:, None].square())


def apart(found: PlanarMotion, true: PlanarMotion, points: Tensor) -> float:
    """Pixels, in the mean, whichever way the exposure ran."""
    ways = true.velocity(points)
    return min(float((found.velocity(points) - sign * ways).norm(dim=1).mean()) for sign in (1, -1))


@pytest.fixture(scope="module")
def network() -> LocalNet:
    """With released weights."""
    return load_local_motion().network


@KINDS
def test_votes_of_patches_give_the_field(motion: PlanarMotion) -> None:
    places = spots()
    told = PatchVotes.of(places, votes_for(motion.velocity(places)))
    found = max(told.likeliest(), key=told.score_of)
    assert apart(found, motion, places) < 1.4  # steps are 11 degrees and 2 px


def test_patches_that_tell_something_else_do_not_count() -> None:
    places = spots()
    ways = TURNING.velocity(places)
    rng = torch.Generator().manual_seed(3)
    wrong = torch.randperm(len(places), generator=rng)[: len(places) // 3]
    ways[wrong] = 25 * torch.randn(len(wrong), 2, generator=rng)
    told = PatchVotes.of(places, votes_for(ways))
    found = max(told.likeliest(), key=told.score_of)
    assert apart(found, TURNING, places) < 1.5


def test_both_signs_of_a_field_score_alike() -> None:
    places = spots()
    told = PatchVotes.of(places, votes_for(NEARING.velocity(places)))
    back = PlanarMotion(-NEARING.generator)
    assert told.score_of(NEARING) == pytest.approx(told.score_of(back), abs=1e-3)
    assert told.score_of(NEARING) > told.score_of(STRAIGHT) + 10


def test_the_same_votes_give_the_same_motions() -> None:
    places = spots()
    told = PatchVotes.of(places, votes_for(TURNING.velocity(places)))
    for one, other in zip(told.likeliest(), told.likeliest(), strict=True):
        assert torch.equal(one.generator, other.generator)


def test_a_part_that_went_straight_is_straightened_into_itself() -> None:
    picture = blocks(96, 128)
    lags = lag_maps(picture)
    share = torch.zeros(1, 6, 8)
    share[:, 1:5, 2:6] = 1
    ways = PlanarMotion.straight(math.pi * 5 / DIRECTIONS, 12.0).velocity(torch.zeros(48, 2))
    found = straightened(picture, lags, share, ways)
    assert found is not None
    maps, angle, length = found
    assert torch.allclose(maps, part_lags(picture, lags, share), atol=1e-4)
    assert angle == pytest.approx(math.pi * 5 / DIRECTIONS, abs=1e-4)
    assert length == pytest.approx(12, abs=1e-3)
    assert straightened(picture, lags, share, ways / 10) is None


def blurred(motion: PlanarMotion, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Blocks that moved, grey (1, 1, SIDE, SIDE), and the share of the places that all of it has."""
    blur = ProjectiveBlur.along(motion.path(41), (SIDE, SIDE))
    half = SIDE // 2 + blur.margin
    torch.manual_seed(0)
    v = blur(F.interpolate(blocks(half, half, seed), scale_factor=2.0, mode="bicubic"))
    share = torch.zeros(1, SIDE // CELL, SIDE // CELL)
    share[:, 1:-1, 1:-1] = 1
    return v + 0.003 * torch.randn(v.shape), share


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("motion", [TURNING, NEARING], ids=["turning", "nearing"])
def test_the_motion_of_a_picture_is_found(network: LocalNet, motion: PlanarMotion, seed: int) -> None:
    v, share = blurred(motion, seed)
    lags = lag_maps(v)
    found = planar_motion(v, lags, share, network, motion_of(network.motion(part_lags(v, lags, share))[0])[2])
    assert found is not None
    assert apart(found[0], motion, spots()) < 3.5
    assert apart(PlanarMotion.straight(0.0, 0.0), motion, spots()) > 8  # what would be found by chance
    assert found[1] > 0.6


@torch.no_grad()
def test_straight_motion_is_left_to_be_straight(network: LocalNet) -> None:
    v, share = blurred(STRAIGHT)
    lags = lag_maps(v)
    angle, length, sure = motion_of(network.motion(part_lags(v, lags, share))[0])
    assert apart(PlanarMotion.straight(angle, length), STRAIGHT, spots()) < 2
    assert planar_motion(v, lags, share, network, sure) is None


@torch.no_grad()
def test_few_patches_tell_nothing(network: LocalNet) -> None:
    v, share = blurred(TURNING)
    few = torch.zeros_like(share)
    few[:, 4:6, 3:5] = 1
    assert planar_motion(v, lag_maps(v), few, network, 0.0) is None


@torch.no_grad()
def test_parts_turn_only_where_planes_are_asked_for(network: LocalNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsdeblur.blind.local.parts._ROUGH", math.inf)
    monkeypatch.setattr("vsdeblur.blind.local.parts._ROUGH_BENT", math.inf)
    mattes = torch.full((1, 2, SIDE, SIDE), -9.0)
    mattes[..., CELL:-CELL, CELL:-CELL] = 9
    monkeypatch.setattr(network, "forward", lambda picture, lags: mattes)
    v = blurred(TURNING)[0].expand(-1, 3, -1, -1)
    (bent,), (straight,) = (list(moving_parts(v, lag_maps(v), network, planes)) for planes in (True, False))
    assert apart(bent.motion, TURNING, spots()) < 3.5
    assert bool((straight.motion.generator[:, :2] == 0).all())
    assert bent.confidence > straight.confidence


def test_a_plane_reaches_as_far_as_where_it_is_seen() -> None:
    """The corners of what turns would move far, but none of it is there."""
    size = (64, 320)
    matte = torch.zeros(1, *size)
    matte[:, 20:44, 140:180] = 1
    motion = PlanarMotion.similar(torch.tensor([0.0, 0.0, 0.0, 0.5]), torch.tensor([160.0, 32.0]))
    paths = [torch.eye(3).repeat(11, 1, 1), motion.path(11)]
    blur = PiecewiseBlur.along(paths, matte, size)
    assert blur.margin <= 7
    far = ProjectiveBlur.along(paths[1], size).margin
    assert far > 30
    wide = PiecewiseBlur(
        tuple(ProjectiveBlur(plane.path, plane.weights, size, far) for plane in blur.planes),
        F.pad(matte[None], (far,) * 4)[0],
    )
    torch.manual_seed(1)
    u = torch.rand(2, 1, 64 + 2 * far, 320 + 2 * far)
    cut = far - blur.margin
    assert torch.allclose(blur(u[..., cut:-cut, cut:-cut]), wide(u), atol=1e-3)
