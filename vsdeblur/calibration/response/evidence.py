"""Edges that motion has blurred, found along the motion.

Where a step between two even sides passes a pixel at constant speed while the shutter is open, the light there is a
mixture of the sides in proportion to time: along the motion it is a straight ramp, as long as the way that was gone
in the exposure. A response curve bends it, always to the same side: the dark part becomes the steeper one. (In colour,
Lin, Gu, Yamazaki and Shum, "Radiometric calibration from a single image", CVPR 2004, use that mixtures lie on the
straight line between two colours; textures of both sides disturb that more than the shape of the ramp.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.calibration.shutter.evidence import steadiness
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.warp import sample

LEVELS = 33  # stored values between the ends of a ramp whose places are kept
TILES = 4  # per side of a picture: ramps of one tile are not independent
_STEPS = 61  # places along the motion, from one period's way before a point to one after it
_SLOWEST, _FASTEST = 3.0, 64.0  # pixels per period
_MOST = 12000  # points of a frame
_STEADY = 0.5  # how well a point follows its path, and evenly
_CONTRAST = 0.15  # between the ends of a ramp, stored values
_WITHIN = (0.02, 0.98)  # where they lie: neither black nor clipped
_SHORTEST = 4.0  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class Ramps:
    """P blurred edges.

    Attributes:
        places: (P, LEVELS), where each of as many even steps of stored value from end to end is reached, in the ramp's
            own unit of time.
        low: (P,) stored values of the dark ends.
        high: (P,) stored values of the light ends.
        length: (P,) from end to end, in periods of motion.
        tile: (P,) the part of the picture, from 0 to TILES^2 - 1.
    """

    places: Tensor
    low: Tensor
    high: Tensor
    length: Tensor
    tile: Tensor


def frame_ramps(stored: Tensor, motion: Motion, n: int) -> Ramps:
    """The ramps of one frame.

    Args:
        stored: (N, 1, h, w), values as they are stored.
        motion: of ``stored``, at its resolution.
        n: the frame.
    """
    height, width = stored.shape[-2:]
    velocity = motion.path[n, :2].flatten(1)
    speed = velocity.square().sum(0).sqrt()
    moving = (speed > _SLOWEST) & (speed < _FASTEST) & (steadiness(stored, motion, n).flatten() > _STEADY)
    points = moving.nonzero()[:, 0]
    points = points[:: max(1, -(-len(points) // _MOST))]
    x, y, step, speed = points % width, points // width, velocity[:, points], speed[points]
    tau = torch.linspace(-1, 1, _STEPS)[:, None]
    px, py = x + tau * step[0], y + tau * step[1]
    grid = torch.stack((px * (2 / (width - 1)) - 1, py * (2 / (height - 1)) - 1), -1)[None]
    along = sample(stored[n : n + 1], grid, "bilinear")[0, 0].T
    inside = ((px >= 0) & (px <= width - 1) & (py >= 0) & (py <= height - 1)).all(0)
    z, first, last = _risen(along)
    low, high = z.gather(1, first[:, None])[:, 0], z.gather(1, last[:, None])[:, 0]
    length = (last - first) * (2 / (_STEPS - 1))
    whole = inside & (first > 0) & (last < _STEPS - 1) & (length * speed > _SHORTEST)
    chosen = whole & (high - low > _CONTRAST) & (low > _WITHIN[0]) & (high < _WITHIN[1])
    tile = (y * TILES // height) * TILES + x * TILES // width
    z, first, last, low, high = z[chosen], first[chosen], last[chosen], low[chosen], high[chosen]
    return Ramps(_places(z, first, last, low, high), low, high, length[chosen], tile[chosen])


def _risen(along: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values (P, T) turned so that they rise at the middle, and where the rise through the middle begins and ends."""
    middle = along.shape[1] // 2
    falls = along[:, middle + 2] < along[:, middle - 2]
    z = torch.where(falls[:, None], along.flip(1), along)
    rising = (z.diff(dim=1) > 0).int()
    before = rising[:, :middle].flip(1).cumprod(1).sum(1)
    return z, middle - before, middle + rising[:, middle:].cumprod(1).sum(1)


def _places(z: Tensor, first: Tensor, last: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(P, LEVELS): where z (P, T), rising from ``first`` to ``last``, reaches even steps from ``low`` to ``high``."""
    at = torch.arange(z.shape[1])
    part = ((z - low[:, None]) / (high - low)[:, None]).clamp(0, 1)
    part = part.where(at >= first[:, None], 0.0).where(at <= last[:, None], 1.0).cummax(1).values
    level = torch.linspace(0, 1, LEVELS).expand(len(z), -1).contiguous()
    after = torch.searchsorted(part.contiguous(), level).clamp(1, z.shape[1] - 1)
    below, above = part.gather(1, after - 1), part.gather(1, after)
    return after - 1 + ((level - below) / (above - below).clamp(min=1e-6)).clamp(0, 1)
