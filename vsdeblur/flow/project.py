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
from vsdeblur.flow.warp import sample_adjoint, sampling_grid

_LANDINGS = 3  # steps of a fixed point that contracts by rows moved in a readout over rows of the picture
NOWHERE = 0.05  # weight of what the paths at the same place say; alone where nothing is projected


def positions(
    here: Tensor,
    there: Tensor,
    weights: tuple[Tensor, Tensor],
    a: float | Tensor,
    span: float,
    scale: int,
    slope: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """(to the left key frame, to the right one), (1, 2, h, w) full-resolution pixels, from the points seen at ``a``.

    here, there: (1, 4 or 6, h, w) paths of the left and the right key frame. weights: (1, 1, h, w), what a point of the
    one and of the other counts where several come to one place. a: the instant between them, 0 at the left, 1 at the
    right; one for all, or one for each row, (1, 1, h, 1). span: the time between them in periods of the right one.
    scale: pixels of the picture per point of the paths. slope: of ``a`` from one row of the picture to the next.
    """

    def moved_left(at: float | Tensor) -> Tensor:
        return displacement(here, at)

    def moved_right(at: float | Tensor) -> Tensor:
        return displacement(there, -(1 - at) * span)

    at_left, at_right = _landing(moved_left, a, slope), _landing(moved_right, a, slope)
    gone, to_come = moved_left(at_left), moved_right(at_right)
    # As a point of either key frame knows both ways: back to where it is there, on to where it is in the other.
    by_left = torch.cat((-gone, displacement(here, 1.0) - gone), 1)
    by_right = torch.cat((displacement(there, -span) - to_come, -to_come), 1)
    total = NOWHERE * torch.lerp(by_left, by_right, a)
    weight = torch.full_like(weights[0], NOWHERE)
    shares = _share(1 - at_left) * weights[0], _share(at_right) * weights[1]
    for way, moved, share in zip((by_left, by_right), (gone, to_come), shares, strict=True):
        carried = sample_adjoint(torch.cat((way * share, share), 1), sampling_grid(moved / scale), "bilinear")
        total += carried[:, :4]
        weight += carried[:, 4:]
    total.div_(weight)
    return total[:, :2], total[:, 2:]


def _landing(moved: Callable[[float | Tensor], Tensor], a: float | Tensor, slope: float) -> float | Tensor:
    """When points come to the row that is seen at just that instant: at = a(row) + slope * (rows moved by then)."""
    at = a
    for _ in range(_LANDINGS if slope else 0):
        at = a + slope * moved(at)[:, 1:2]
    return at


def _share(part: float | Tensor) -> float | Tensor:
    """Rows that another pair of key frames shows lie before or after both of these."""
    return part.clamp(0, 1) if isinstance(part, Tensor) else part


def nearness(path: Tensor) -> Tensor:
    """How much a point of paths (n, 4 or 6, h, w) counts before others at the same place: (n, 1, h, w) in [1, 5].

    Both may be seen in both key frames and only one between them. What moves unlike its surroundings (an eighth of the
    picture) is an object before a ground more often than behind it, be the camera still or following the object.
    """
    velocity = path[:, :2]
    ground = F.interpolate(F.adaptive_avg_pool2d(velocity, (8, 8)), velocity.shape[-2:], mode="bilinear")
    unlike = (velocity - ground).square().sum(1, keepdim=True)
    return 1 + 4 * unlike / (unlike + 4)
