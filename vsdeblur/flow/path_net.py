"""The network of ``flow="paths"``: three blurry frames in, the way of the middle one to both neighbours out.

It needs no first flow. Features of every frame are matched from coarse to fine (1/32, 1/16, 1/8 and 1/4 of the
resolution): at each level both neighbours' features are moved by the ways found so far and correlated with the middle's
within a few cells (PWC-Net, Sun et al., CVPR 2018), and one update, its weights shared by all levels and repetitions
(RAFT, Teed and Deng, ECCV 2020), changes the ways. Both neighbours are looked at by the same weights in swapped roles,
so the film run backwards has the reversed path exactly. An update mixes

- what Lucas and Kanade (1981) find between the middle frame and the moved neighbour, in a small and a large window,
- the soft-argmax of the correlations,
- the way to the other neighbour, mirrored: what is hidden in one neighbour is mostly seen in the other,
- and a residual.

The last updates have weights of their own and see the pictures themselves: what is left of the neighbours, moved to the
middle frame, less that, at full resolution.

What blur itself says (a streak is smooth along the motion and rough across it) is in the features of the middle frame,
which the shutter scales and shifts (FiLM, Perez et al., AAAI 2018). It also says what both ways leave open: how fast a
point is in the middle of its path. So every update has a bend as well, the cubic part of the path. Ways reach the full
resolution by learned convex combinations. Their errors are a mixture of two Laplace distributions (SEA-RAFT, Wang et
al., ECCV 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.flow.matching import CORRELATIONS, WINDOWS, correlation, lucas_kanade, soft_argmax
from vsdeblur.flow.motion import bent, through
from vsdeblur.flow.rectified import RectifiedBlock
from vsdeblur.flow.warp import warp
from vsdeblur.tensors import constants

CELL = 4  # pixels per side of the finest level's cells
LEVELS = 4
ALIGN = CELL << (LEVELS - 1)  # sides are a multiple of this, pixels
REPEATS = (2, 2, 2, 1)  # updates per level, the coarsest first
REFINED = 2  # more, by what is seen at full resolution
SCALE = 0.25  # pixels: mean error of the sharper Laplace distribution
_MATCHED = 32  # channels that are correlated
_PICTURE = 3 * CELL * CELL
_LUMA = (0.299, 0.587, 0.114)
_WIDEST = math.log(64.0)  # of the wider distribution over the sharper one


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """One estimate, at any resolution.

    Attributes:
        way: (B, 2, 2, h, w), where points of the middle frame are in the next (0) and in the previous (1) one, as
            (x, y) in full-resolution pixels from where they are.
        bend: (B, 2, h, w), the cubic part of the path, pixels (``motion.bent``).
        spread: (B, 2, 2, h, w): logit of the share of the sharper Laplace distribution of its error, and logarithm of
            the wider one's scale over SCALE.
    """

    way: Tensor
    bend: Tensor
    spread: Tensor

    def path(self) -> Tensor:
        """(B, 6, h, w): the path through both neighbours, a period away each."""
        return bent(through(self.way[:, 0], self.way[:, 1]), self.bend)

    def error(self) -> Tensor:
        """(B, 2, h, w): the expected length of the error, pixels."""
        share = torch.sigmoid(self.spread[:, :, 0])
        return SCALE * (share + (1 - share) * self.spread[:, :, 1].exp())


class Level(NamedTuple):
    """Frames at one level.

    Attributes:
        features: (..., C, h, w).
        grey: (..., 1, 2 h, 2 w).
    """

    features: Tensor
    grey: Tensor


class Frames(NamedTuple):
    """Frames as the network looks at them.

    Attributes:
        pictures: (..., 3, H, W) display values.
        levels: The finest first.
    """

    pictures: Tensor
    levels: list[Level]

    def beside(self, onward: int, back: int) -> Frames:
        """The next and the previous frame of one, (1, 2, ...), by their numbers."""

        def both(x: Tensor) -> Tensor:
            return torch.stack((x[onward], x[back]))[None]

        return Frames(both(self.pictures), [Level(*map(both, level)) for level in self.levels])

    def taken(self, index: Any) -> Frames:
        """Some of them, by an index of torch."""
        return Frames(self.pictures[index], [Level(*(x[index] for x in level)) for level in self.levels])


class PathNet(nn.Module):
    """See the module.

    Args:
        width: Channels of the update.
        channels: Of the features at each level, the finest first.
    """

    def __init__(self, width: int = 64, channels: tuple[int, int, int, int] = (32, 64, 80, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(_PICTURE, channels[0], 3, 1, 1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(channels))
        self.blocks = nn.ModuleList(RectifiedBlock(c) for c in channels)
        self.match = nn.ModuleList(nn.Conv2d(c, _MATCHED, 1) for c in channels)
        self.context = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.exposure = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), _zeroed(nn.Linear(32, 2 * width)))
        self.steep = nn.Parameter(torch.tensor(2.3))  # logarithm of the soft-argmax's, per unit of correlation
        self.update = _Update(CORRELATIONS, 1 + len(WINDOWS), width)
        self.refine = _Update(2 * _PICTURE, len(WINDOWS), width)
        self.fine = _zeroed(nn.Conv2d(width, 9 * CELL * CELL, 1))

    def encoded(self, pictures: Tensor) -> Frames:
        """Pictures (B, 3, H, W) at each level: display values, H and W multiples of ALIGN."""
        grey = F.avg_pool2d((pictures * constants(pictures, _LUMA).view(3, 1, 1)).sum(1, keepdim=True), CELL // 2)
        x = F.leaky_relu(self.stem(F.pixel_unshuffle(pictures - 0.5, CELL)), 0.1)
        levels = [Level(self.blocks[0](x), grey)]
        for down, block in zip(self.down, self.blocks[1:], strict=False):
            x = block(F.leaky_relu(down(levels[-1].features), 0.1))
            levels.append(Level(x, F.avg_pool2d(levels[-1].grey, 2)))
        return Frames(pictures, levels)

    def forward(self, frames: Tensor, shutter: Tensor, present: Tensor) -> list[Ways]:
        """The ways of the middle frame of each three.

        Args:
            frames: (B, 3, 3, H, W) display values in [0, 1], in the order of time; H and W multiples of ALIGN.
            shutter: (B,), in (0, 1].
            present: (B, 2), 1 where the next (0) and the previous (1) frame are of this scene. What is absent is not
                looked at, and its way is the mirrored other one.

        Returns:
            Estimates, the last one at full resolution and the best; the others at their level's.
        """
        every = self.encoded(frames.flatten(0, 1))
        numbers = 3 * torch.arange(len(frames), device=frames.device)
        sides = torch.stack((numbers + 2, numbers), 1)
        return self.found(every.taken(numbers + 1), every.taken(sides), shutter, present)

    def found(self, middle: Frames, sides: Frames, shutter: Tensor, present: Tensor) -> list[Ways]:
        """As ``forward``, from frames that are encoded already.

        Args:
            middle: The middle frames, (B, ...).
            sides: The next and the previous frame of each, (B, 2, ...).
            shutter: As in ``forward``.
            present: As in ``forward``.
        """
        count = len(shutter)
        scale, shift = self.exposure(shutter[:, None]).view(count, 1, 2, -1, 1, 1).unbind(2)
        here = present.view(count, 2, 1, 1, 1)
        estimates: list[Ways] = []
        way, state = shutter.new_zeros(0), shutter.new_zeros(0)
        for number in reversed(range(LEVELS)):
            cell = CELL << number
            features, grey = middle.levels[number]
            grey, side_grey = grey.repeat_interleave(2, 0), sides.levels[number].grey.flatten(0, 1)
            context = self.context[number](features)[:, None] * (1 + scale) + shift
            if number == LEVELS - 1:
                way = features.new_zeros(count, 2, 2, *features.shape[-2:], dtype=torch.float32)
                state = context.expand(-1, 2, -1, -1, -1)
            else:
                way, state = _twice(way), _twice(state)
            key = F.normalize(self.match[number](features).float(), dim=1).repeat_interleave(2, 0)
            others = self.match[number](sides.levels[number].features.flatten(0, 1)).float()
            for _ in range(REPEATS[LEVELS - 1 - number]):
                flat = way.detach().flatten(0, 1) / cell
                near = correlation(key, F.normalize(warp(others, flat, "bilinear"), dim=1))
                best = soft_argmax(near, self.steep.exp())
                proposals = torch.cat((best[:, None], lucas_kanade(grey, side_grey, flat)), 1)
                change, bend, state, spread = self.update(near, proposals, flat, context + state, here)
                way = cell * change
                estimates.append(Ways(way, cell * bend, spread))
        pictures, others = middle.pictures.repeat_interleave(2, 0), sides.pictures.flatten(0, 1)
        for _ in range(REFINED):
            flat = way.detach().flatten(0, 1) / CELL
            with torch.no_grad():
                moved = warp(others, F.interpolate(CELL * flat, scale_factor=float(CELL), mode="bilinear"), "bilinear")
                both = torch.cat((pictures - 0.5, 4 * (moved - pictures)), 1)
            proposals = lucas_kanade(grey, side_grey, flat)
            seen = F.pixel_unshuffle(both, CELL)
            change, bend, state, spread = self.refine(seen, proposals, flat, context + state, here)
            way = CELL * change
            estimates.append(Ways(way, CELL * bend, spread))
        estimates.append(self._upsampled(estimates[-1], state, here))
        return estimates

    def _upsampled(self, last: Ways, state: Tensor, here: Tensor) -> Ways:
        count, _, _, h, w = last.way.shape
        share = self.fine(state.flatten(0, 1)).float().view(2 * count, 1, 9, CELL * CELL, h, w).softmax(2)
        around = F.unfold(F.pad(last.way.flatten(0, 1), (1,) * 4, mode="replicate"), 3)
        mixed = (share * around.view(2 * count, 2, 9, 1, h, w)).sum(2)
        way = F.pixel_shuffle(mixed.reshape(2 * count, 2 * CELL * CELL, h, w), CELL).unflatten(0, (count, 2))
        spread = F.interpolate(last.spread.flatten(0, 1), scale_factor=float(CELL), mode="bilinear")
        bend = F.interpolate(last.bend, scale_factor=float(CELL), mode="bilinear")
        return Ways(_complete(way, here), bend, spread.unflatten(0, (count, 2)))


class _Update(nn.Module):
    """Changes the ways to both neighbours by the same weights in swapped roles.

    Args:
        evidence: Channels of what is seen of one neighbour.
        proposals: Of the change of one way.
        width: Channels of the state.
    """

    def __init__(self, evidence: int, proposals: int, width: int) -> None:
        super().__init__()
        self.proposals = proposals
        self.look = nn.Conv2d(2 * (evidence + 2 * proposals + 2 + 1), width, 1)
        self.block = RectifiedBlock(width)
        self.change = _zeroed(nn.Conv2d(width, 2 + 1 + proposals + 1, 3, 1, 1))
        self.bend = _zeroed(nn.Conv2d(width, 2, 3, 1, 1))
        self.judge = _zeroed(nn.Conv2d(width, 2, 3, 1, 1))
        with torch.no_grad():
            assert self.change.bias is not None
            self.change.bias[2] = 2.0  # none of the proposals, mostly
            self.change.bias[-1] = -4.0  # hardly mirrored
            assert self.judge.bias is not None
            self.judge.bias[1] = 2.0

    def forward(
        self, evidence: Tensor, proposals: Tensor, way: Tensor, state: Tensor, here: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The changed ways.

        Args:
            evidence: (2 B, C, h, w), of the next and the previous frame of each.
            proposals: (2 B, P, 2, h, w), cells.
            way: (2 B, 2, h, w), cells.
            state: (B, 2, width, h, w).
            here: (B, 2, 1, 1, 1), 1 where there is such a frame.

        Returns:
            Ways (B, 2, 2, h, w) and bend (B, 2, h, w), cells, the state, and the spread of the ways as in ``Ways``.
        """
        count, size = len(here), way.shape[-2:]
        one = here.view(-1, 1, 1, 1)
        proposals = proposals * one[..., None]
        fields = torch.cat((evidence * one, proposals.flatten(1, 2), way, one.expand(-1, -1, *size)), 1)
        fields = fields.unflatten(0, (count, 2))
        seen = self.look(torch.cat((fields, fields.flip(1)), 2).flatten(0, 1))
        flat = self.block(seen + state.flatten(0, 1))
        change, spread = self.change(flat).float(), self.judge(flat).float().unflatten(0, (count, 2))
        share = change[:, 2 : 3 + self.proposals].softmax(1)[:, 1:, None]
        way = (way + change[:, :2] + (share * proposals).sum(1)).unflatten(0, (count, 2))
        mirrored = torch.sigmoid(change[:, -1:]).unflatten(0, (count, 2))
        way = _complete(torch.lerp(way, -way.flip(1), mirrored), here)
        spread = torch.cat((spread[:, :, :1], spread[:, :, 1:].clamp(0, _WIDEST)), 2)
        bend = self.bend(flat).float().unflatten(0, (count, 2))
        both = (bend[:, 0] - bend[:, 1]) * here.prod(1)  # of the reversed film the opposite
        return way, both, flat.unflatten(0, (count, 2)), spread


def _zeroed[L: (nn.Conv2d, nn.Linear)](layer: L) -> L:
    """The layer, all of its weights 0."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _complete(way: Tensor, here: Tensor) -> Tensor:
    """Ways (B, 2, 2, h, w), those to absent frames mirrored; here: (B, 2, 1, 1, 1)."""
    known: Tensor = way * here
    return known - known.flip(1) * (1 - here)


def _twice(x: Tensor) -> Tensor:
    """x (B, 2, C, h, w) at twice the resolution."""
    wide: Tensor = F.interpolate(x.flatten(0, 1), scale_factor=2.0, mode="bilinear").unflatten(0, x.shape[:2])
    return wide
