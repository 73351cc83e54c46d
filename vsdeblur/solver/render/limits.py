"""Instants kept within what the exposures around them show, beside strong edges.

An exposure is a mean along the motion: beside an edge between areas that are wider than the blur, nothing is darker or
brighter than the blurry frames are nearby, and what leaves their range is a rim or a halo. Where their range is narrow,
detail that is finer than the blur is stronger than it shows, and nothing is limited:

    u <- min(max(u, lo - m), hi + m),    m = LOOSE (1 - s) / s,    s = (hi - lo - WEAK) / (STRONG - WEAK) in [0, 1]

lo, hi: the least and the greatest value around the pixel in the two exposures nearest to the instant. All values are
those of a display. Nothing is limited from above where the exposures clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor

from vsdeblur.colour.display import from_display, to_display
from vsdeblur.flow.motion import extent
from vsdeblur.footprint import FrameSize
from vsdeblur.solver.render.geometry import RowGroup, row_groups
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.tensors import greatest

WEAK, STRONG = 0.25, 0.45  # ranges up to which nothing is limited, and from which everything is
LOOSE = 0.25
RADIUS = 7  # pixels, at least: that of most motion within an exposure, if that is more
_MOST_RADIUS = 64
_FAST = 0.99  # of the points move by less than what the radius is made for
_MIDDLE = 1e-6  # periods: rounding decides nothing
_CLIPPED = 0.95  # no format clips below


def limited(solved: SolvedWindow, *, linear: bool) -> Callable[[Tensor, float], Tensor]:
    """What keeps instants of a window within its exposures.

    Args:
        solved: The window.
        linear: Its values are linear light; otherwise they are display values.

    Returns:
        A function of an instant's frame (C, H, W), which is overwritten, and its time, periods of the clip.
    """
    radii = _radii(solved)
    limits = lru_cache(maxsize=1 if solved.delays is None else 3)(partial(_limits, solved, radii, linear=linear))

    def limit(u: Tensor, t: float) -> Tensor:
        for group in row_groups(solved, t):
            least, greatest = (x[:, group.rows] for x in limits(group.n, _nearest(solved, group)))
            rows = u[:, group.rows]
            torch.minimum(torch.maximum(rows, least, out=rows), greatest, out=rows)
        return u

    return limit


def footprint(size: FrameSize, *, rolling: bool) -> int:
    """Bytes of limits: those between two exposures, with a rolling shutter up to three times."""
    return (6 if rolling else 2) * size.frame


def _nearest(solved: SolvedWindow, group: RowGroup) -> tuple[int, ...]:
    """The exposures of its scene that are nearest to rows of an instant: in the middle of one, those on both sides."""
    n, past = group.n, group.at - solved.shutters[group.n] / 2
    before = past < _MIDDLE and n > 0 and not solved.opens_scene(n)
    after = past > -_MIDDLE and n + 1 < len(solved.frames) and not solved.opens_scene(n + 1)
    return tuple(range(n - before, n + after + 1))


def _limits(
    solved: SolvedWindow, radii: Callable[[int], int], n: int, nearest: tuple[int, ...], *, linear: bool
) -> tuple[Tensor, Tensor]:
    """The least and the greatest value that instants of frame n's period may have, (C, H, W) each.

    The radius is that of frame n alone: the path of a frame beside a chunk depends on where the chunk ends.
    """
    least, greatest = torch.empty_like(solved.frames[0]), torch.empty_like(solved.frames[0])
    radius = radii(n)

    def limit(rows: slice) -> None:
        ranges = [_around(solved, k, radius, rows, linear) for k in nearest]
        low = torch.stack([x for x, _ in ranges]).amin(0)
        high = torch.stack([x for _, x in ranges]).amax(0)
        strong = (high - low).sub_(WEAK).div_(STRONG - WEAK).clamp_(0, 1)
        margin = LOOSE * (1 - strong) / strong  # infinite where nothing is limited
        low, high = low - margin, torch.where(high >= _CLIPPED, math.inf, high + margin)
        least[:, rows], greatest[:, rows] = (from_display(low), from_display(high)) if linear else (low, high)

    solved.by_bands(limit)
    return least, greatest


def _around(solved: SolvedWindow, n: int, radius: int, rows: slice, linear: bool) -> tuple[Tensor, Tensor]:
    """The least and the greatest display value of exposure n around each pixel of rows, (C, h, W) each."""
    first, last = max(rows.start - radius, 0), min(rows.stop + radius, solved.size[0])
    values = solved.frames[n, :, first:last]
    shown, side = (to_display(values) if linear else values)[None], 2 * radius + 1
    inner = slice(rows.start - first, rows.stop - first)
    return -greatest(-shown, side)[0, :, inner], greatest(shown, side)[0, :, inner]


def _radii(solved: SolvedWindow) -> Callable[[int], int]:
    """Pixels on either side that the range is taken from, by frame; an accelerator is asked once for all frames."""

    def longest(n: int) -> Tensor:
        return extent(solved.path(n)).flatten().quantile(_FAST)

    def radius(n: int) -> int:
        return min(max(RADIUS, math.ceil(known(n) * solved.shutters[n])), _MOST_RADIUS)

    read: dict[int, float] = {}
    if solved.frames.device.type != "cpu":
        read |= enumerate(torch.stack([longest(n) for n in range(len(solved.frames))]).tolist())

    def known(n: int) -> float:
        return read[n] if n in read else read.setdefault(n, float(longest(n)))

    return radius
