"""What one frame says about its exposure: how its blur repeats along its motion.

Let K be a sharp frame that moves by V in a period and v the mean of K over the exposure, a box of length s |V|. A
second derivative of v along the motion is a difference of first derivatives of K at the ends of the box,

    v_ee(x) = (K_e(x + s V / 2) - K_e(x - s V / 2)) / (s |V|)

so that its autocorrelation at the lag a V is, with R that of K's first derivative,

    C(a) = E[|V|^2 v_ee(x) v_ee(x + a V)] = (2 R(a) - R(a - s) - R(a + s)) / s^2

with a trough at a = s, the classic sign of motion blur (Yitzhaky and Kopeika 1997). R is read across the motion, where
nothing is blurred. Every lag is measured in the point's own motion, so points of all speeds speak of the same s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.warp import sample, warp

Lags = NDArray[np.floating[Any]]

STEP = 0.05
ALONG = np.arange(29) * STEP  # lags in periods of motion: past the longest shutter's trough
ACROSS = np.arange(49) * STEP  # as far as the fit looks beyond them
SLOWEST, FASTEST = 3.0, 48.0  # pixels per period of the points that are asked
_MOST = 6000  # points of a frame
_SIGMA = 0.8  # pixels, of the Gaussian under the derivatives
_RADIUS = 4
_FLOOR = (2 / 255) ** 2  # of the local gradient's square, so that flat ground does not count


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Of frames, to be added up.

    along, across: (2, lags), sums over the moving points of the products that make C and R, and of their weights.
    points: how many moving points there are, of ``seen`` ones. travel: the sum of their speeds, pixels per period.
    """

    along: Lags
    across: Lags
    points: float
    travel: float
    seen: float

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.along + other.along,
            self.across + other.across,
            self.points + other.points,
            self.travel + other.travel,
            self.seen + other.seen,
        )

    def __sub__(self, other: Evidence) -> Evidence:
        return self + Evidence(-other.along, -other.across, -other.points, -other.travel, -other.seen)


def frame_evidence(v: Tensor, motion: Motion, n: int) -> Evidence:
    """What frame n of v (N, 1, h, w), any scale of values about [0, 1], says; motion: at the resolution of v."""
    velocity = motion.path[n, :2]
    speed = velocity.square().sum(0).sqrt()
    along, across, gradient = _derivatives(v[n : n + 1], velocity / speed.clamp(min=1e-3))
    belief = _belief(v, motion, n)
    # Contrast is normalised: a few strong edges, often those of occlusions, must not speak for all.
    root = (belief / (gradient + _FLOOR)).sqrt()
    asked = (belief > 0.05).flatten().nonzero()[:, 0]
    share = max(1, -(-len(asked) // _MOST))
    asked = asked[::share]
    step, fast, count = velocity.flatten(1)[:, asked], speed.flatten()[asked], belief.flatten()[asked]
    turned = torch.stack((-step[1], step[0]))
    return Evidence(
        _products(along, root, asked, fast.square(), step, ALONG),
        _products(across, root, asked, torch.ones_like(fast), turned, ACROSS),
        float(count.sum()) * share,
        float((count * fast).sum()) * share,
        float(belief.numel()),
    )


def _products(image: Tensor, root: Tensor, asked: Tensor, factor: Tensor, step: Tensor, lags: Lags) -> Lags:
    """Sums over the asked points of  factor * here * there  and of the weights, there: lag * step away, (2, lags)."""
    height, width = image.shape
    x, y = asked % width, asked // width
    t = torch.as_tensor(lags, dtype=image.dtype, device=image.device)[:, None]
    px, py = x + t * step[0], y + t * step[1]
    within = (px >= _RADIUS) & (px <= width - 1 - _RADIUS) & (py >= _RADIUS) & (py <= height - 1 - _RADIUS)
    grid = torch.stack((px * (2 / (width - 1)) - 1, py * (2 / (height - 1)) - 1), -1)[None]
    there = sample(torch.stack((image * root, root))[None], grid, "bilinear")[0] * within
    here, weight = (image * root).flatten()[asked] * factor, root.flatten()[asked]
    sums: Lags = torch.stack(((there[0] * here).sum(1), (there[1] * weight).sum(1))).double().cpu().numpy()
    return sums


def _belief(v: Tensor, motion: Motion, n: int) -> Tensor:
    """How far each point is moving, steadily, and as the path says, (h, w) in [0, 1]."""
    path = motion.path[n : n + 1]
    moved, unmoved = torch.zeros_like(v[n : n + 1]), torch.zeros_like(v[n : n + 1])
    for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -1.0)):
        if 0 <= other < len(v) and bool(motion.occlusion[n, side].any()):
            there = warp(v[other : other + 1], displacement(path, tau), "bilinear")
            moved += _box((there - v[n : n + 1]).square(), 9)
            unmoved += _box((v[other : other + 1] - v[n : n + 1]).square(), 9)
    # Ground that stands still, but was given the motion of what passes before it, is better explained by none.
    real = (unmoved > 0) / (1 + (moved / (unmoved + 1e-7) / 0.15).square())
    speed = path[:, :2].square().sum(1, keepdim=True).sqrt()
    bend = path[:, 2:4].square().sum(1, keepdim=True).sqrt()
    steady = 1 / (1 + (bend / (0.25 * speed + 0.3)).square())
    inner = F.pad(torch.ones_like(speed)[..., _RADIUS:-_RADIUS, _RADIUS:-_RADIUS], (_RADIUS,) * 4)
    believed: Tensor = (real * steady * inner * (speed > SLOWEST) * (speed < FASTEST))[0, 0]
    return believed


def _box(x: Tensor, size: int) -> Tensor:
    """Mean over size x size pixels around each of x (1, 1, h, w), the edge repeated."""
    mean = cv2.blur(x[0, 0].numpy(), (size, size), borderType=cv2.BORDER_REPLICATE)
    return torch.from_numpy(mean)[None, None]


def _derivatives(v: Tensor, e: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of v (1, 1, h, w): the second derivative along e (2, h, w), the first across, and the local gradient's square."""
    r = np.arange(-_RADIUS, _RADIUS + 1, dtype=np.float64)
    smooth = np.exp(-(r**2) / (2 * _SIGMA**2))
    smooth /= smooth.sum()
    first = smooth * r
    first /= (first * r).sum()
    second = smooth * (r**2 / _SIGMA**2 - 1)
    second -= second.mean()
    second *= 2 / (second * r**2).sum()
    image = v[0, 0].contiguous().numpy()

    def filtered(down: Lags, over: Lags) -> Tensor:
        return torch.from_numpy(cv2.sepFilter2D(image, cv2.CV_32F, over, down, borderType=cv2.BORDER_REPLICATE))

    x, y = filtered(smooth, first), filtered(first, smooth)
    twice = e[0] * e[0] * filtered(smooth, second) + e[1] * e[1] * filtered(second, smooth)
    twice += 2 * e[0] * e[1] * filtered(first, first)
    return twice, e[0] * y - e[1] * x, _box((x.square() + y.square())[None, None], 15)[0, 0]
