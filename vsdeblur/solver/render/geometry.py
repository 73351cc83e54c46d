"""Which rows of an instant are exposed when, and where their points lie in the key frames around it."""

from __future__ import annotations

from itertools import pairwise
from math import floor
from typing import NamedTuple, overload

import torch
from torch import Tensor

from vsdeblur.flow.motion import displacement
from vsdeblur.flow.project import positions
from vsdeblur.flow.warp import warp
from vsdeblur.solver.render.solved import SolvedWindow


class RowGroup(NamedTuple):
    """Rows whose time lies in the same part of a frame's period: before mid-exposure, after it, or shutter closed.

    Attributes:
        rows: Of the frame.
        n: Number of the frame in the window.
        at: Mean time of the rows, periods after the opening of frame n.
        since: Time of each row, periods after the opening; one for all, or (1, 1, h, 1) at the motion's resolution.
        slope: Change of the time from one row of the frame to the next, periods.
    """

    rows: slice
    n: int
    at: float
    since: float | Tensor
    slope: float


class Position(NamedTuple):
    """Where the points of an instant lie in a key frame.

    Attributes:
        n: Number of the key frame.
        flow: (1, 2, h, w) in pixels of the frame: the point at x lies at x + flow(x).
        weight: Of the key frame in the instant, one for all or (1, 1, h, 1); the weights of all positions sum to 1.
    """

    n: int
    flow: Tensor
    weight: float | Tensor


def whole_frame(solved: SolvedWindow, n: int, since: float) -> RowGroup:
    """All rows of frame n at one time, ``since`` periods after its opening."""
    return RowGroup(slice(0, solved.size[0]), n, since, since, 0.0)


def row_groups(solved: SolvedWindow, t: float) -> list[RowGroup]:
    """The rows of an instant by time: one group, or with a rolling shutter up to one for each part of a period.

    The first rows of frame n lie ``delays`` later than t - n; where that is before its opening, they belong to frame n
    - 1.

    Args:
        solved: The window.
        t: Instant, periods of the clip.
    """
    n = min(max(floor(t) - solved.start, 0), len(solved.frames) - 1)
    since = t - solved.start - n
    if solved.delays is None:
        return [whole_frame(solved, n, since)]
    assert solved.late is not None
    own, small = since - solved.delays[n], since - solved.late[n : n + 1]
    early = (own < 0) if n and not solved.opens_scene(n) else torch.zeros_like(own, dtype=torch.bool)
    before = _groups(solved, n - 1, 1 + own / solved.spans[n], 1 + small / solved.spans[n], early)
    return _groups(solved, n, own, small, ~early) + before


def _groups(solved: SolvedWindow, n: int, times: Tensor, small: Tensor, member: Tensor) -> list[RowGroup]:
    """The rows of ``member`` (H,), by the part of frame n's period that their times lie in.

    Args:
        solved: The window.
        n: Number of the frame.
        times: Of the rows, (H,).
        small: Of the rows of the motion, (1, 1, h, 1), on the device.
        member: (H,), booleans.
    """
    shutter = solved.shutters[n]
    part = torch.where(member, (times >= shutter / 2).int() + (times > shutter).int(), -1)
    edges = [0, *(part.diff().nonzero()[:, 0] + 1).tolist(), len(part)]
    since = small.to(solved.frames.dtype)
    slope = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    return [
        RowGroup(slice(first, last), n, float(times[first:last].mean()), since, slope)
        for first, last in pairwise(edges)
        if part[first] >= 0
    ]


def key_frame_positions(solved: SolvedWindow, group: RowGroup) -> list[Position]:
    """Positions in the key frames before and after the group's time.

    In the group's own key frame alone where one of them is missing or past a cut. The paths of both key frames are
    carried to the instant (``vsdeblur.flow.project``); their weights are linear in time between the two mid-exposures.
    """
    n, since = group.n, group.since
    middle = solved.shutters[n] / 2
    left = n if group.at >= middle else n - 1
    right = left + 1
    if left < 0 or right >= len(solved.keys) or solved.opens_scene(right):
        return [Position(n, -displacement(solved.path(n), since - middle), 1.0)]
    opening = left + solved.shutters[left] / 2
    span = solved.spans[right]
    whole = elapsed(opening, right + solved.shutters[right] / 2, right, span)
    a = elapsed(opening, n + since, right, span) / whole
    slope = group.slope / whole / (1 if n == left else span)
    weights = solved.splat_weights[left : left + 1, :1], solved.splat_weights[right : right + 1, 1:]
    to_left, to_right = positions(solved.path(left), solved.path(right), weights, a, span, solved.scale, slope)
    return [Position(left, to_left, 1 - a), Position(right, to_right, a)]


def onward_paths(solved: SolvedWindow, t: float) -> Tensor:
    """Paths of the points at t, from t on.

    Args:
        solved: The window.
        t: Instant, periods of the clip.

    Returns:
        (1, 4, h, w), as ``Motion.path``, in periods of the frame that t lies in.
    """
    out = torch.empty_like(solved.path(0)[:, :4])
    for group in row_groups(solved, t):
        rows = slice(group.rows.start // solved.scale, -(-group.rows.stop // solved.scale))
        out[..., rows, :] = _onward(solved, group)[..., rows, :]
    return out


def _onward(solved: SolvedWindow, group: RowGroup) -> Tensor:
    """Paths of the whole frame at the group's time: the mean of both key frames' paths by their weights."""
    n, middle = group.n, solved.shutters[group.n] / 2
    first, *second = key_frame_positions(solved, group)
    if not second:
        return _continued(solved, first, group.since - middle, 1.0)
    right = second[0]
    a, span = right.weight, solved.spans[right.n]
    units = (1.0, span) if n == first.n else (1 / span, 1.0)  # periods of the key frames in one of frame n
    by_left = _continued(solved, first, a, units[0])
    by_right = _continued(solved, right, -(1 - a) * span, units[1])
    return by_left + (by_right - by_left) * a


def _continued(solved: SolvedWindow, position: Position, tau: float | Tensor, unit: float) -> Tensor:
    """A key frame's path from tau on at the points of ``position``, in periods of which its own has ``unit``."""
    path = solved.path(position.n)
    bend = path[:, 2:4] + tau * path[:, 4:] if path.shape[1] == 6 else path[:, 2:4]
    speed = path[:, :2] + tau * (path[:, 2:4] + bend) / 2
    onward = torch.cat((speed * unit, bend * unit**2), 1)
    return warp(onward, position.flow / solved.scale, "bilinear")


@overload
def elapsed(begin: float, end: float, opening: int, span: float) -> float: ...
@overload
def elapsed(begin: float, end: float | Tensor, opening: int, span: float) -> float | Tensor: ...
def elapsed(begin: float, end: float | Tensor, opening: int, span: float) -> float | Tensor:
    """Time between two instants across the opening of a frame, in periods of the frame before it.

    Args:
        begin: Before the opening, or at it; counts each frame's own periods, as ``end`` does.
        end: Any shape.
        opening: The instant at which the frame opens.
        span: The period before the opening over that after it.
    """
    if isinstance(end, Tensor):
        return end.clamp(max=opening) - begin + (end - opening).clamp(min=0) / span
    return min(end, opening) - begin + max(end - opening, 0.0) / span
