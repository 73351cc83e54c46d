"""Where the points seen at an instant between two key frames lie in them: paths carried to that instant.

The path of a key frame is known at the points of that key frame. A small fast object is elsewhere at the instant, where
both key frames know only what it passes over: so every point takes its path along to where it then is, as the forward
splatting of flow in Baker et al. (IJCV 2011), section 4.1, and of Niklaus and Liu (CVPR 2020) does.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.motion import displacement
from vsdeblur.flow.warp import warp_adjoint
from vsdeblur.tensors import box

_ARRIVAL_STEPS = 3  # steps of a fixed point that contracts by rows moved in a readout over rows of the picture
FALLBACK = 0.05  # weight of the paths at the same place; they count alone where nothing is projected
# Weight of what arrives within 4 points for each that lacks at the place itself of _ENOUGH. Without it thin lines of
# single points have the path of another object: specks. On ten hard clips it gains 0.01 dB within exposures and 0.02
# between; everywhere alike it would gain twice as much, but lose small fast things in the ground.
AROUND, _SIDE, _ENOUGH = 2.0, 5, 0.9


def positions(
    here: Tensor,
    there: Tensor,
    weights: tuple[Tensor, Tensor],
    a: float | Tensor,
    span: float,
    scale: int,
    slope: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Where the points seen at an instant lie in the key frames on either side.

    Forward splatting: every path goes where its point is at the instant, as a weighted mean of those that arrive there.
    Where they are few, since points move apart or single ones go astray, those that arrive around fill up.

    Args:
        here: (1, 4 or 6, h, w), paths of the left key frame, as ``Motion.path``.
        there: the same of the right key frame.
        weights: (1, 1, h, w) each, of the points of the left and the right one where several arrive at one place.
        a: the instant, 0 at the left key frame and 1 at the right one; for each row, (1, 1, h, 1), or for all.
        span: the time between the two in periods of the right one.
        scale: pixels of the picture per point of the paths.
        slope: of ``a`` from one row of the picture to the next (rolling shutter).

    Returns:
        Displacements to the left key frame and to the right one, (1, 2, h, w) full-resolution pixels each.

    References:
        Baker et al.: A database and evaluation methodology for optical flow, IJCV 2011, section 4.1; Niklaus and Liu:
        Softmax splatting for video frame interpolation, CVPR 2020.
    """

    def moved_left(at: float | Tensor) -> Tensor:
        return displacement(here, at)

    def moved_right(at: float | Tensor) -> Tensor:
        return displacement(there, -(1 - at) * span)

    at_left, at_right = _arrival(moved_left, a, slope), _arrival(moved_right, a, slope)
    gone, to_come = moved_left(at_left), moved_right(at_right)
    # A path of either key frame gives both displacements: back to its own key frame, on to the other.
    by_left = torch.cat((-gone, displacement(here, 1.0) - gone), 1)
    by_right = torch.cat((displacement(there, -span) - to_come, -to_come), 1)
    shares = _share(1 - at_left) * weights[0], _share(at_right) * weights[1]
    arrived = torch.zeros_like(by_left[:, :1]).repeat(1, 5, 1, 1)  # the displacements times their weight, the weight
    for way, moved, share in zip((by_left, by_right), (gone, to_come), shares, strict=True):
        arrived += warp_adjoint(torch.cat((way * share, share), 1), moved / scale, "bilinear")
    lacking = (_ENOUGH - arrived[:, 4:]).clamp_(min=0)
    arrived.addcmul_(box(box(arrived, _SIDE), _SIDE), lacking, value=AROUND)
    arrived[:, :4].add_(torch.lerp(by_left, by_right, a), alpha=FALLBACK)
    arrived[:, 4:].add_(FALLBACK)
    total = arrived[:, :4].div_(arrived[:, 4:])
    return total[:, :2], total[:, 2:]


def _arrival(moved: Callable[[float | Tensor], Tensor], a: float | Tensor, slope: float) -> float | Tensor:
    """When points come to the row that is seen at just that instant: at = a(row) + slope * (rows moved by then)."""
    at = a
    for _ in range(_ARRIVAL_STEPS if slope else 0):
        at = a + slope * moved(at)[:, 1:2]
    return at


def _share(part: float | Tensor) -> float | Tensor:
    """Rows that another pair of key frames shows lie before or after both of these."""
    return part.clamp(0, 1) if isinstance(part, Tensor) else part


def foreground_weight(path: Tensor) -> Tensor:
    """1 + 4 d^2 / (d^2 + 4), d the velocity less its mean around, of paths (n, 4 or 6, h, w): (n, 1, h, w) in [1, 5].

    Where two points arrive at one place, the one in front hides the other. What moves unlike its surroundings (an
    eighth of the picture) is an object in front more often than behind, whether the camera is still or follows it.
    """
    velocity = path[:, :2]
    ground = F.interpolate(F.adaptive_avg_pool2d(velocity, (8, 8)), velocity.shape[-2:], mode="bilinear")
    unlike = (velocity - ground).square().sum(1, keepdim=True)
    return 1 + 4 * unlike / (unlike + 4)
