"""Parts that turn, come nearer or go away: the motion of a plane, from how each patch of it moved.

Patches of a part, three places wide, are read as parts are (``LocalNet.motion``): how likely is each direction and
length. The plane's velocity v is the one that all of them find likely,

    S(v) = sum_i m log((1 - e) n p_i(v(x_i)) + e) - |B|^2 / (2 b^2),     v(x) = a + B (x - x0) / r

with e the share of patches that tell nothing, n the number of motions that are distinguished (so that what tells
nothing counts 0), m the part of a patch that no other shares, r the part's radius, B a turn and a growth. A patch
cannot tell v from -v: p is of half a turn, and the field as a whole has two signs that are the same blur. Full affine
motions were tried too: they took up to 14 more from patches of parts that went straight, and were wrong by more.

The places of the part are then read once more as one, the maps of each turned into the direction of v there and
stretched to one length (``straightened``): as a part that went straight. The network is then as sure of a plane as of a
straight motion, and finds what is still missing of v.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.local.lags import CELL, DIRECTIONS, part_lags, straightened
from vsdeblur.blind.local.local_net import LENGTHS, LocalNet
from vsdeblur.blind.local.motion import PlanarMotion
from vsdeblur.blind.local.votes import motion_of

_FEWEST = 6  # patches from which on a plane is looked for
_OF_PART = 0.3  # of a place that is the part's, from which on a patch lies around it
_WIDE = 1.0  # places: deviation of a patch's weights, which end a place from its middle
_ONCE = 0.4  # of a patch that no other one shares
_DEAF = 0.2  # e
_BENT = 15.0  # b, pixels
_STILL, _CLEAR = 2.0, 5.0  # pixels of motion up to which a patch tells nothing, from which on it does
_FARTHEST = 40.0  # pixels of motion
_TOO_FAR = 0.5  # lost by a patch for each pixel beyond
_STARTS, _SPREAD = 6000, 12.0  # motions that are tried, their deviation in pixels
_BEST, _AROUND, _ROUNDS = 12, 40, 16  # that are gone on with, tries around each, rounds
_NARROWER = 0.75  # a round than the one before
_ALIKE = 8.0  # pixels between starts
_AT_ONCE = 1000  # motions
_SURE, _SURER = 0.6, 0.1  # how likely the network must find it, and by how much more than a straight motion
_READINGS = 2
_READ = 50.0  # what the logarithm of that counts against S


def planar_motion(
    picture: Tensor, lags: Tensor, share: Tensor, network: LocalNet, sure: float
) -> tuple[PlanarMotion, float] | None:
    """The motion of a part that did not go straight, and how likely it is; None where straight explains it as well.

    Args:
        picture: (1, C, H, W), display values.
        lags: Its ``lag_maps``.
        share: (1, H / CELL, W / CELL), 0 to 1: of each place that is the part's.
        network: Reads parts.
        sure: How likely its straight motion is.
    """
    at = (share[0] > _OF_PART).nonzero()
    if len(at) < _FEWEST:
        return None
    patches = _patches(share, at)
    votes = network.motion(part_lags(picture, lags, patches)).cpu()
    shares = patches.flatten(1).cpu()
    told = PatchVotes.of(shares @ _middles(share).cpu() / shares.sum(1, keepdim=True), votes)
    found = [(motion, 0.0) for motion in told.likeliest()]
    for _ in range(_READINGS):
        found = _read(picture, lags, share, network, [motion for motion, _ in found])
    if not found:
        return None
    motion, seen = max(found, key=lambda one: told.score_of(one[0]) + _READ * math.log(one[1]))
    return (motion, seen) if seen >= max(sure + _SURER, _SURE) else None


def _read(
    picture: Tensor, lags: Tensor, share: Tensor, network: LocalNet, motions: list[PlanarMotion]
) -> list[tuple[PlanarMotion, float]]:
    """The motions with what they lacked in the part straightened by them, and how likely the network finds that."""
    maps, given = [], []
    for motion in motions:
        one = straightened(picture, lags, share, motion.velocity(_middles(share)))
        if one is not None:
            maps.append(one[0])
            given.append((motion, *one[1:]))
    if not given:
        return []
    found = []
    for (motion, angle, length), votes in zip(given, network.motion(torch.cat(maps)).cpu(), strict=True):
        seen_angle, seen_length, seen = motion_of(votes)
        missing = (seen_angle - angle + math.pi / 2) % math.pi - math.pi / 2
        found.append((motion.turned(missing, seen_length / length), seen))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class PatchVotes:
    """What patches of a part say of its motion.

    Attributes:
        table: (N, 1, DIRECTIONS + 2, lengths): logarithms, of half a turn and one more direction at either end.
        away: (N,) complex, middles of the patches, from ``middle``, in radii.
        middle: (2,) pixels, x then y.
        radius: Of the part, pixels.
    """

    table: Tensor
    away: Tensor
    middle: Tensor
    radius: float

    @classmethod
    def of(cls, places: Tensor, votes: Tensor) -> PatchVotes:
        """The votes of patches.

        Args:
            places: (N, 2) middles of the patches, pixels.
            votes: (N, DIRECTIONS, lengths), logarithms, unnormalised.
        """
        middle = places.mean(0)
        radius = float((places - middle).norm(dim=1).amax().clamp_min(CELL))
        told = votes.flatten(1).softmax(1).view_as(votes) * (votes.shape[1] * votes.shape[2])
        told = torch.log((1 - _DEAF) * told + _DEAF)
        table = torch.cat((told[:, -1:], told, told[:, :1]), 1)[:, None]
        return cls(table, torch.view_as_complex((places - middle) / radius), middle, radius)

    def score(self, tries: Tensor) -> Tensor:
        """S of motions (K, 4): shift, growth and turn, pixels at the radius."""
        found = []
        for some in tries.split(_AT_ONCE):
            ways = torch.view_as_complex(some[:, :2])[:, None] + torch.view_as_complex(some[:, 2:])[:, None] * self.away
            found.append(_told(self.table, ways).sum(1) * _ONCE - some[:, 2:].square().sum(1) / (2 * _BENT**2))
        return torch.cat(found)

    def score_of(self, motion: PlanarMotion) -> float:
        """S of a motion."""
        grow, turn = motion.generator[0, 0], motion.generator[1, 0]
        shift = motion.velocity(self.middle[None])[0]
        return float(self.score(torch.cat((shift, self.radius * torch.stack((grow, turn))))[None]))

    def likeliest(self) -> list[PlanarMotion]:
        """Motions of high S, each the best of those around it."""
        rng = torch.Generator().manual_seed(0)
        tries = _SPREAD * torch.randn(_STARTS, 4, generator=rng)
        tries = tries[_apart(tries, self.score(tries))]
        spread = _SPREAD / 4
        for _ in range(_ROUNDS):
            beside = tries[:, None] + spread * torch.randn(len(tries), _AROUND, 4, generator=rng)
            near = torch.cat((tries[:, None], beside), 1)
            best = self.score(near.flatten(0, 1)).view(len(near), -1).argmax(1)
            tries = near[torch.arange(len(near)), best]
            spread *= _NARROWER
        rates = tries / torch.tensor([1, 1, self.radius, self.radius])
        return [PlanarMotion.similar(one, self.middle) for one in rates]


def _apart(tries: Tensor, scores: Tensor) -> list[int]:
    """The best motions that are not alike, signs apart."""
    chosen: list[int] = []
    for k in scores.argsort(descending=True).tolist():
        others = tries[chosen]
        if all(float((sign * others - tries[k]).norm(dim=1).min()) > _ALIKE for sign in (1, -1)) if chosen else True:
            chosen.append(k)
        if len(chosen) == _BEST:
            break
    return chosen


def _told(table: Tensor, ways: Tensor) -> Tensor:
    """(K, N): how likely N patches find each of K motions, complex (K, N), x + i y."""
    length = ways.abs()
    row = (ways.angle() % math.pi) * (DIRECTIONS / math.pi) + 1
    column = (length - float(LENGTHS[0])) / float(LENGTHS[1] - LENGTHS[0])
    last = table.shape[-2] - 1, table.shape[-1] - 1
    grid = torch.stack((column * (2 / last[1]) - 1, row * (2 / last[0]) - 1), -1)
    grid = grid.transpose(0, 1)[:, :, None]  # (N, K, 1, 2)
    found = F.grid_sample(table, grid, padding_mode="border", align_corners=True)[:, 0, :, 0].T
    clear = ((length - _STILL) / (_CLEAR - _STILL)).clamp(0, 1)
    return found * clear - _TOO_FAR * (length - _FARTHEST).clamp_min(0)


def _patches(share: Tensor, at: Tensor) -> Tensor:
    """(N, rows, columns): the part's share of each place in patches around places (N, 2), row then column."""
    rows, columns = share.shape[1:]
    off = [torch.arange(n, device=share.device) - at[:, axis, None] for axis, n in enumerate((rows, columns))]
    y, x = ((-one.square() / (2 * _WIDE**2)).exp() * (one.abs() <= 1) for one in off)
    return y[:, :, None] * x[:, None, :] * share


def _middles(share: Tensor) -> Tensor:
    """(rows * columns, 2): the middles of places, pixels, x then y."""
    y, x = (torch.arange(n, device=share.device) * CELL + (CELL - 1) / 2 for n in share.shape[1:])
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(-1, 2)
