"""The network of blur-aware motion: three blurry frames and a first path in, a better path of the middle one out.

Its inputs are the residual of the first path (both neighbours warped to the middle frame, and shifted further by a few
pixels in every direction) and the blur of each frame (differences over a few pixels in four directions: a streak is
smooth along the motion and rough across it). Its outputs are corrections of the displacement to either neighbour, at a
quarter of the resolution: a weighted mean of proposals and a residual of its own. The proposals:

- what Lucas and Kanade (1981) find between the middle frame and the moved neighbour, in a small and a large window;
- the best of the further moves by 2 and by 4 pixels (soft-argmin);
- the mean of the path around, near and far;
- the way to the other neighbour, mirrored: what is hidden in one neighbour is mostly seen in the other.

Corrections reach the full resolution by learned convex combinations (RAFT, Teed and Deng, ECCV 2020), and a learned
gate keeps the first path where that is finer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.flow.matching import least_squares_move
from vsdeblur.flow.rectified import RectifiedBlock
from vsdeblur.flow.warp import warp
from vsdeblur.tensors import box, constants

CELL = 4  # pixels per side of what one correction stands for
_ALIGN = 16  # the coarsest level of the network, pixels
_LUMA = (0.299, 0.587, 0.114)
_CONTRAST = 8.0  # differences of grey values are small beside the other inputs
_SEARCH_STEPS = 2  # further moves of the cost volume: up to this many steps of 2 pixels, and of 4 pixels
_LAGS = ((0, 1), (1, 0), (1, 1), (1, -1))
_LEVELS = 3  # lags of 1, 2 and 4 pixels
_IMAGES = 9 * CELL * CELL
_SEARCH = 2 * 2 * (2 * _SEARCH_STEPS + 1) ** 2
_BLUR = 3 * len(_LAGS) * _LEVELS
_PATH = 4 + 4 + 3 + 1
_PROPOSALS = 6  # beside none and the mirrored way
_DAMPING = 64 * 2e-5  # of Lucas-Kanade: (grey values per pixel) squared, with _CONTRAST
_STEEP = 40.0  # of the soft-argmin: per grey value of difference
INPUTS = _IMAGES + _SEARCH + _BLUR + _PATH + 2 * 2 * _PROPOSALS


@dataclass(frozen=True, slots=True, eq=False)
class PathEstimate:
    """What the network finds.

    Attributes:
        path: (B, 4, H, W) as ``Motion.path``.
        logits: (B, 3, H, W), of reliability and of visibility in the next and in the previous frame.
    """

    path: Tensor
    logits: Tensor


class BlurNet(nn.Module):
    """See the module. width: channels at a quarter, an eighth and a sixteenth of the resolution."""

    def __init__(self, width: tuple[int, int, int] = (48, 80, 104)) -> None:
        super().__init__()
        fine, middle, coarse = width
        self.look = nn.Conv2d(INPUTS, fine, 1)
        self.fine = RectifiedBlock(fine)
        self.down1 = nn.Conv2d(fine, middle, 3, 2, 1)
        self.middle = nn.Sequential(RectifiedBlock(middle), RectifiedBlock(middle))
        self.down2 = nn.Conv2d(middle, coarse, 3, 2, 1)
        self.coarse = nn.Sequential(RectifiedBlock(coarse), RectifiedBlock(coarse))
        self.up2 = nn.Conv2d(coarse, middle, 1)
        self.merge = RectifiedBlock(middle)
        self.up1 = nn.Conv2d(middle, fine, 1)
        self.last = RectifiedBlock(fine)
        self.correct = nn.Conv2d(fine, 4 + 3, 3, 1, 1)
        self.choose = nn.Conv2d(fine, 2 * (_PROPOSALS + 2), 3, 1, 1)
        self.spread = nn.Conv2d(fine, (9 + 1) * CELL * CELL, 1)
        for layer in (self.correct, self.choose, self.spread):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        assert self.choose.bias is not None
        assert self.spread.bias is not None
        nn.init.constant_(self.choose.bias[:: _PROPOSALS + 2], 4.0)  # none of the proposals, mostly
        nn.init.constant_(self.spread.bias[9 * CELL * CELL :], 2.0)  # the first path, mostly

    def forward(self, frames: Tensor, path: Tensor, hints: Tensor, shutter: Tensor) -> PathEstimate:
        """Correct a path.

        Args:
            frames: (B, 3, 3, H, W) display values in [0, 1]; the path is the middle frame's. H, W: multiples of 16.
            path: (B, 4, H, W), the first path, pixels per period.
            hints: (B, 3, H, W), its reliability and occlusion.
            shutter: (B,), in (0, 1].
        """
        with torch.no_grad():
            inputs, level, proposals = features(frames, path, hints, shutter)
        x = F.leaky_relu(self.look(inputs), 0.1)
        del inputs  # twenty values a pixel
        x1 = self.fine(x)
        x2 = self.middle(F.leaky_relu(self.down1(x1), 0.1))
        x3 = self.coarse(F.leaky_relu(self.down2(x2), 0.1))
        x2 = self.merge(x2 + _twice(self.up2(x3)))
        x1 = self.last(x1 + _twice(self.up1(x2)))
        correction = self.correct(x1).float()
        speed = level[:, :2].square().sum(1, keepdim=True).sqrt()
        share = _split(self.choose(x1).float(), 1, 2).softmax(2)
        onward, back = (share[:, :, 1:-1, None] * proposals).sum(2).unbind(1)
        delta = torch.cat(((onward - back) / 2, onward + back), 1) + correction[:, :4] * (1 + 0.2 * speed)
        path = self._spread(_mirrored(path, _wide(share[:, :, -1])), delta, self.spread(x1).float())
        return PathEstimate(path, correction[:, 4:])

    def _spread(self, path: Tensor, delta: Tensor, weights: Tensor) -> Tensor:
        """The corrected path at full resolution."""
        level = F.avg_pool2d(path, CELL)
        count, _, h, w = level.shape
        share, gate = torch.split(weights, [9 * CELL * CELL, CELL * CELL], 1)
        share = share.view(count, 1, 9, CELL * CELL, h, w).softmax(2)
        around = F.unfold(F.pad(level + delta, (1,) * 4, mode="replicate"), 3).view(count, 4, 9, 1, h, w)
        mixed = sum(share[:, :, k] * around[:, :, k] for k in range(9))
        assert isinstance(mixed, Tensor)
        smooth = F.pixel_shuffle(mixed.reshape(count, 4 * CELL * CELL, h, w), CELL)
        fine = path + _wide(delta)
        return torch.lerp(smooth, fine, torch.sigmoid(F.pixel_shuffle(gate, CELL)))


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _wide(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=float(CELL), mode="bilinear", align_corners=False)


def _split(x: Tensor, axis: int, count: int) -> Tensor:
    """``axis`` as ``count`` times the rest."""
    shape = x.shape
    return x.reshape(*shape[:axis], count, shape[axis] // count, *shape[axis + 1 :])


def _mirrored(path: Tensor, share: Tensor) -> Tensor:
    """The ways onward and back, each mixed with the other one's mirror image by share (B, 2, H, W)."""
    velocity, bend = path[:, :2], path[:, 2:]
    # onward = V + A / 2 becomes onward - share * A, which is -back for a share of 1.
    onward, back = share[:, :1] * bend, share[:, 1:] * bend
    return torch.cat((velocity - (onward - back) / 2, bend - onward - back), 1)


def features(frames: Tensor, path: Tensor, hints: Tensor, shutter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(inputs of the network (B, INPUTS, h, w), the mean path of every cell (B, 4, h, w), proposals of corrections
    of the way onward and back (B, 2, _PROPOSALS, 2, h, w)), h, w being H / 4 and W / 4.
    """
    velocity, bend = path[:, :2], path[:, 2:] / 2
    before, middle, after = frames.unbind(1)
    after = warp(after, bend + velocity, "bilinear")
    before = warp(before, bend - velocity, "bilinear")
    luma = constants(path, _LUMA).view(1, 3, 1, 1)
    grey = torch.stack([(x * luma).sum(1) for x in (middle, before, after)], 1).mul_(_CONTRAST)
    half = F.avg_pool2d(grey, 2)
    quarter = F.avg_pool2d(half, 2)
    changes = [(x - middle).mul_(4) for x in (before, after)]
    images = F.pixel_unshuffle(torch.cat((middle - 0.5, *changes), 1), CELL)
    level = F.avg_pool2d(path, CELL)
    rough = F.avg_pool2d((path - F.interpolate(level, scale_factor=float(CELL))).abs(), CELL)
    near, far = F.avg_pool2d(_cost_volume(half), 2), _cost_volume(quarter)
    ways = torch.stack((level[:, :2] + level[:, 2:] / 2, level[:, 2:] / 2 - level[:, :2]), 1)
    proposals = torch.stack(
        (
            *_lucas_kanade(half),
            _soft_argmin(near, 2.0),
            _soft_argmin(far, 4.0),
            *(box(ways.flatten(1, 2), size).view_as(ways) - ways for size in (5, 13)),
        ),
        2,
    )
    inputs = [
        images,
        near,
        far,
        proposals.flatten(1, 3),
        *(_directional_differences(x, x.shape[-1] // level.shape[-1]) for x in (grey, half, quarter)),
        level / 8,
        rough,
        F.avg_pool2d(hints, CELL),
        shutter.view(-1, 1, 1, 1).expand(-1, 1, *level.shape[-2:]),
    ]
    return torch.cat(inputs, 1), level, proposals


def _lucas_kanade(half: Tensor) -> list[Tensor]:
    """Lucas-Kanade of both moved neighbours (onward, back) in a small and a large window: (B, 2, 2, h, w) pixels each.

    half: (B, 3, H / 2, W / 2) grey values of middle, before, after; the result is at a quarter of the resolution.
    """
    terms = []
    for k in (2, 1):
        both = F.pad((half[:, :1] + half[:, k : k + 1]) / 2, (1,) * 4, mode="replicate")
        x = (both[..., 1:-1, 2:] - both[..., 1:-1, :-2]) / 4  # per full-resolution pixel
        y = (both[..., 2:, 1:-1] - both[..., :-2, 1:-1]) / 4
        t = half[:, k : k + 1] - half[:, :1]
        terms.append(torch.cat((x * x, x * y, y * y, x * t, y * t), 1))
    sums = F.avg_pool2d(torch.cat(terms, 1), 2)
    windows = ((3, 3.0), (7, 6.0))  # cells, and the farthest move, pixels
    return [least_squares_move(_split(box(sums, size), 1, 2), limit, _DAMPING) for size, limit in windows]


def _soft_argmin(costs: Tensor, step: float) -> Tensor:
    """Soft-argmin of the further moves, onward and back, costs averaged over 3 x 3 cells: (B, 2, 2, h, w) pixels."""
    side = 2 * _SEARCH_STEPS + 1
    costs = _split(box(costs, 3), 1, side * side)
    weights = (costs * (-_STEEP / _CONTRAST)).softmax(1).flip(2)  # costs are of before and after
    places = torch.arange(side, dtype=costs.dtype, device=costs.device).sub_(_SEARCH_STEPS).mul_(step)
    grid = _split(weights, 1, side)
    x = (grid.sum(1) * places.view(1, -1, 1, 1, 1)).sum(1)
    y = (grid.sum(2) * places.view(1, -1, 1, 1, 1)).sum(1)
    return torch.stack((x, y), 2)


def _cost_volume(grey: Tensor) -> Tensor:
    """|middle - neighbour moved further by d| for both neighbours and every d: (B, 2 * 25, h, w)."""
    h, w = grey.shape[-2:]
    moved = F.pad(grey[:, 1:], (_SEARCH_STEPS,) * 4, mode="replicate")
    steps = range(2 * _SEARCH_STEPS + 1)
    return torch.cat([(moved[..., y : y + h, x : x + w] - grey[:, :1]).abs() for y in steps for x in steps], 1)


def _directional_differences(grey: Tensor, pool: int) -> Tensor:
    """Mean |g(x + lag) - g(x)| of each frame in four directions, pooled: (B, 3 * 4, h / pool, w / pool)."""
    h, w = grey.shape[-2:]
    wide = F.pad(grey, (1,) * 4, mode="replicate")
    differences = [(wide[..., 1 + y : 1 + y + h, 1 + x : 1 + x + w] - grey).abs() for y, x in _LAGS]
    return F.avg_pool2d(torch.cat(differences, 1), pool) if pool > 1 else torch.cat(differences, 1)


def aligned(size: int) -> int:
    """The size that the network takes for a picture's."""
    return -(-size // _ALIGN) * _ALIGN
