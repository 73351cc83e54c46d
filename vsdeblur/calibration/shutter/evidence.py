"""The evidence that one frame has of its exposure: how its blur repeats along its motion, tile by tile.

Let K be a sharp frame that moves by V in a period and v the mean of K over the exposure, a box of length s |V|. A
second derivative of v along the motion is a difference of first derivatives of K at the ends of the box,

    v_ee(x) = (K_e(x + s V / 2) - K_e(x - s V / 2)) / (s |V|)

so that its autocorrelation at the lag a V is, with R that of K's first derivative,

    C(a) = E[|V|^2 v_ee(x) v_ee(x + a V)] = (2 R(a) - R(a - s) - R(a + s)) / s^2

with a trough at a = s, the classic sign of motion blur (Yitzhaky and Kopeika 1997). R is read across the motion, where
nothing is blurred. Every lag is measured in the point's own motion, so points of all speeds share the same s. The
same correlation with the neighbouring frames has its peak at a = 1 where the motion is right, and troughs at 1 - s and
1 + s. How these curves fit where the motion is wrong, or the ground is still, a network has learned (reader.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.warp import sample, warp

Kernel = NDArray[np.floating[Any]]

ALONG = torch.arange(29) * 0.05  # lags in periods of motion: past the longest shutter's trough
ACROSS = torch.arange(25) * 0.1
ONWARD = torch.arange(21) * 0.1  # to the neighbouring frames
SCALARS = 9
FEATURES = len(ALONG) + len(ACROSS) + len(ONWARD) + SCALARS
SLOWEST, FASTEST = 3.0, 48.0  # pixels per period of the points that count
_TILE = 32  # pixels per side of what is evaluated by itself, or this part of the picture's longer side:
_TILES = 16
_FEWEST = 12  # points of a tile
_MOST = 8000  # points of a frame
_SIGMA = 0.8  # pixels, of the Gaussian under the derivatives
_RADIUS = 4
_FLOOR = (2 / 255) ** 2  # of the local gradient's square, so that flat ground does not count


@dataclass(frozen=True, slots=True, eq=False)
class ShutterEvidence:
    """Of a frame, or of several.

    Attributes:
        tiles: (tiles, FEATURES), the network's input.
        points: how many moving points there are.
        travel: the sum of their speeds, pixels per period.
    """

    tiles: Tensor
    points: float
    travel: float


def frame_evidence(v: Tensor, motion: Motion, n: int) -> ShutterEvidence:
    """The evidence of one frame.

    Args:
        v: (N, 1, h, w), any scale of values about [0, 1].
        motion: of v, at its resolution.
        n: the frame.

    References:
        Yitzhaky and Kopeika, "Identification of blur parameters from motion blurred images", 1997: the trough at a = s.
    """
    height, width = v.shape[-2:]
    velocity = motion.path[n, :2]
    speed = velocity.square().sum(0).sqrt()
    ahead = velocity / speed.clamp(min=1e-3)
    along, across, once, gradient = _derivatives(v[n : n + 1], ahead)
    fit = _path_fit(v, motion, n)
    weights = fit.steady * (speed > SLOWEST) * (speed < FASTEST)
    chosen = (weights > 0.05).flatten().nonzero()[:, 0]
    share = max(1, -(-len(chosen) // _MOST))
    chosen = chosen[::share]
    edge = max(_TILE, -(-max(height, width) // _TILES))
    columns = -(-width // edge)
    count = columns * -(-height // edge)
    tile = chosen // width // edge * columns + chosen % width // edge
    # Contrast is normalised: a few strong edges, often those of occlusions, must not outweigh all others.
    root = (weights / (gradient + _FLOOR)).sqrt()
    step, fast, weight = velocity.flatten(1)[:, chosen], speed.flatten()[chosen], weights.flatten()[chosen]

    def total(x: Tensor) -> Tensor:
        """(..., P) -> (..., tiles)."""
        return x.new_zeros(*x.shape[:-1], count).index_add_(-1, tile, x)

    def correlation(here: Tensor, there: Tensor, step: Tensor, lags: Tensor) -> Tensor:
        """(lags, tiles): the weighted mean of here(x) there(x + lag step)."""
        moved = _moved(torch.stack((there * root, root)), chosen, step, lags)
        own = root.flatten()[chosen]
        top = total(moved[0] * (here * root).flatten()[chosen])
        return top / (total(moved[1] * own) + 1e-4)

    turned = torch.stack((-step[1], step[0]))
    c = correlation(along, along, step, ALONG)
    r = correlation(across, across, turned, ACROSS)
    onward = torch.zeros(len(ONWARD), count)
    sides = [(other, tau) for other, tau in ((n + 1, 1.0), (n - 1, -1.0)) if _joined(motion, v, n, other)]
    for other, tau in sides:
        there = _second_derivative(v[other : other + 1], ahead)
        onward += correlation(along, there, tau * step, ONWARD) / len(sides)
    points = total(weight)
    mean = 1 / points.clamp(min=1e-6)
    energy = correlation(once, once, torch.zeros_like(step), torch.zeros(1))[0]

    def of(x: Tensor) -> Tensor:
        return total(x.flatten()[chosen] * weight) * mean

    area = total(torch.ones_like(fast))
    bend = motion.path[n, 2:4].square().sum(0).sqrt()
    direction = total(ahead.flatten(1)[:, chosen] * weight) * mean
    scalars = torch.stack(  # speed, moving part, how the path fits, how it bends and spreads, contrasts, neighbours
        (
            of(speed).clamp(min=1).log() - 2,
            (area * share / edge**2).clamp(max=1.0),
            of(fit.moved / (fit.unmoved + 1e-7)).clamp(max=2),
            of((fit.moved / (gradient + _FLOOR)).clamp(max=4)),
            of((bend / (speed + 0.3)).clamp(max=2)),
            direction.square().sum(0).sqrt(),
            (r[0].clamp(min=1e-5) / energy.clamp(min=1e-5)).log() / 2,
            (c[0].clamp(min=1e-5) / r[0].clamp(min=1e-5)).log() / 2,
            torch.full_like(points, float(len(sides) - 1)),
        )
    )
    usable = (area >= _FEWEST) & (c[0] > 0) & (r[0] > 0) & (len(sides) > 0)
    first = c[:1].clamp(min=1e-6)
    features = torch.cat((c / first, r / r[:1].clamp(min=1e-6), onward / first, scalars)).T
    travel = float((weight * fast).sum()) * share
    return ShutterEvidence(features[usable].contiguous(), float(points.sum()) * share, travel)


def steadiness(v: Tensor, motion: Motion, n: int) -> Tensor:
    """(h, w), in [0, 1]: how well the points of frame n of v (N, 1, h, w) follow their paths, and evenly."""
    return _path_fit(v, motion, n).steady


def _joined(motion: Motion, v: Tensor, n: int, other: int) -> bool:
    """Whether frame n's neighbour ``other`` is there, and not beyond a cut."""
    return 0 <= other < len(v) and bool(motion.occlusion[n, 0 if other > n else 1].any())


def _moved(image: Tensor, chosen: Tensor, step: Tensor, lags: Tensor) -> Tensor:
    """image (C, h, w) lag * step away from the points: (C, lags, P); 0 outside."""
    height, width = image.shape[-2:]
    x, y = chosen % width, chosen // width
    px, py = x + lags[:, None] * step[0], y + lags[:, None] * step[1]
    within = (px >= _RADIUS) & (px <= width - 1 - _RADIUS) & (py >= _RADIUS) & (py <= height - 1 - _RADIUS)
    grid = torch.stack((px * (2 / (width - 1)) - 1, py * (2 / (height - 1)) - 1), -1)[None]
    return sample(image[None], grid, "bilinear")[0] * within


@dataclass(frozen=True, slots=True, eq=False)
class _PathFit:
    """How a frame's path fits, each (h, w).

    Attributes:
        moved: mean squared difference of the neighbours moved along the path.
        unmoved: the same of the neighbours as they are.
        steady: in [0, 1]: explained by the path, not at the frame's edge, and hardly bent.
    """

    moved: Tensor
    unmoved: Tensor
    steady: Tensor


def _path_fit(v: Tensor, motion: Motion, n: int) -> _PathFit:
    path = motion.path[n : n + 1]
    moved, unmoved = torch.zeros_like(v[n : n + 1]), torch.zeros_like(v[n : n + 1])
    sides = 0
    for other, tau in ((n + 1, 1.0), (n - 1, -1.0)):
        if _joined(motion, v, n, other):
            there = warp(v[other : other + 1], displacement(path, tau), "bilinear")
            moved += _box((there - v[n : n + 1]).square(), 9)
            unmoved += _box((v[other : other + 1] - v[n : n + 1]).square(), 9)
            sides += 1
    # Ground that stands still, but was given the motion of what passes before it, is better explained by none.
    real = (unmoved > 0) / (1 + (moved / (unmoved + 1e-7) / 0.15).square())
    speed = path[:, :2].square().sum(1, keepdim=True).sqrt()
    bend = path[:, 2:4].square().sum(1, keepdim=True).sqrt()
    steady = 1 / (1 + (bend / (0.25 * speed + 0.3)).square())
    inner = F.pad(torch.ones_like(speed)[..., _RADIUS:-_RADIUS, _RADIUS:-_RADIUS], (_RADIUS,) * 4)
    sides = max(sides, 1)
    return _PathFit(moved[0, 0] / sides, unmoved[0, 0] / sides, (real * steady * inner)[0, 0])


def _box(x: Tensor, size: int) -> Tensor:
    """Mean over size x size pixels around each of x (1, 1, h, w), the edge repeated."""
    mean = cv2.blur(x[0, 0].numpy(), (size, size), borderType=cv2.BORDER_REPLICATE)
    return torch.from_numpy(mean)[None, None]


@lru_cache(maxsize=1)
def _kernels() -> tuple[Kernel, Kernel, Kernel]:
    """A Gaussian, and its first and second derivative."""
    r = np.arange(-_RADIUS, _RADIUS + 1, dtype=np.float64)
    smooth = np.exp(-(r**2) / (2 * _SIGMA**2))
    smooth /= smooth.sum()
    first = smooth * r
    first /= (first * r).sum()
    second = smooth * (r**2 / _SIGMA**2 - 1)
    second -= second.mean()
    second *= 2 / (second * r**2).sum()
    return smooth, first, second


def _filtered(v: Tensor, down: Kernel, over: Kernel) -> Tensor:
    """v (1, 1, h, w) under two kernels, (h, w)."""
    image = v[0, 0].contiguous().numpy()
    return torch.from_numpy(cv2.sepFilter2D(image, cv2.CV_32F, over, down, borderType=cv2.BORDER_REPLICATE))


def _second_derivative(v: Tensor, e: Tensor) -> Tensor:
    """Of v (1, 1, h, w) along e (2, h, w), twice."""
    smooth, first, second = _kernels()
    twice = e[0] * e[0] * _filtered(v, smooth, second) + e[1] * e[1] * _filtered(v, second, smooth)
    twice += 2 * e[0] * e[1] * _filtered(v, first, first)
    return twice


def _derivatives(v: Tensor, e: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of v (1, 1, h, w), along e (2, h, w): the second derivative along, the first across, the first along, and the
    local gradient's square.
    """
    smooth, first, _ = _kernels()
    x, y = _filtered(v, smooth, first), _filtered(v, first, smooth)
    gradient = _box((x.square() + y.square())[None, None], 15)[0, 0]
    return _second_derivative(v, e), e[0] * y - e[1] * x, e[0] * x + e[1] * y, gradient
