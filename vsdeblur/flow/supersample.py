"""Sampling of one picture by many grids: cubic interpolation to twice the resolution once, then linear samplings.

An exposure samples its key frame at up to a dozen instants. The points half-way between pixels are interpolated once,
by four pixels in either direction, as the cubic kernel of ``warp`` does it there; the samplings themselves are linear
between points half a pixel apart. They take a fourth of the time of cubic samplings, their transposes a fifth.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from vsdeblur.flow.warp import sample, sample_adjoint

OUTER, INNER = -3 / 32, 19 / 32  # Keys' kernel with a = -3/4, half-way between pixels
_LANES = 2  # threads that share a batch of grids; fixed, since it orders the sums


def supersampled(image: Tensor) -> Tensor:
    """An image with the points half-way between its pixels; normalised sampling positions stay the same.

    Args:
        image: (B, C, H, W), H and W at least 2.

    Returns:
        (B, C, 2 H - 1, 2 W - 1).
    """
    return _supersampled_along(_supersampled_along(image, 3), 2)


def supersampled_adjoint(fine: Tensor) -> Tensor:
    """The transpose of ``supersampled``: (B, C, 2 H - 1, 2 W - 1) -> (B, C, H, W)."""
    return _supersampled_along_adjoint(_supersampled_along_adjoint(fine, 2), 3)


def mean_along(image: Tensor, grids: Iterable[Tensor]) -> Tensor:
    """The mean of linear samplings of one image.

    Args:
        image: (1, C, h, w).
        grids: Normalised sampling positions in batches, (k, H, W, 2) each; the batches order the sum.

    Returns:
        (1, C, H, W).
    """
    total, count = None, 0
    for grid in grids:
        lanes = _lanes(grid)
        sampled = sample(image.expand(len(lanes), -1, -1, -1), lanes, "bilinear")
        count += len(grid)
        for lane in sampled:
            for one in lane.view(lane.shape[0], -1, *grid.shape[1:3]).unbind(1):
                total = one[None].clone() if total is None else total.add_(one)
    assert isinstance(total, Tensor)
    total /= count
    return total


def spread_along(y: Tensor, grids: Iterable[Tensor], onto: Tensor, one_by_one: bool = False) -> None:
    """The transpose of a sum of linear samplings, added in place: onto += sum over the grids of S' y.

    Args:
        y: (1, C, H, W).
        grids: As in ``mean_along``.
        onto: (1, C, h, w), changed.
        one_by_one: Less memory and more time, for the same result.
    """
    for grid in grids:
        lanes = _lanes(grid)
        ways = len(grid) // len(lanes)
        again = y[:, :, None].expand(-1, -1, ways, -1, -1).reshape(1, y.shape[1], ways * y.shape[2], y.shape[3])
        for some in lanes[:, None].unbind() if one_by_one else (lanes,):
            places = onto.expand(len(some), -1, -1, -1)
            for one in sample_adjoint(again.expand(len(some), -1, -1, -1), some, "bilinear", onto=places):
                onto += one


def _lanes(grid: Tensor) -> Tensor:
    """A batch of k grids (k, H, W, 2) stacked along rows in lanes of equal length: (lanes, (k / lanes) H, W, 2)."""
    count = _LANES if len(grid) % _LANES == 0 else 1
    return grid.view(count, -1, *grid.shape[2:])


def _supersampled_along(x: Tensor, axis: int) -> Tensor:
    size = x.shape[axis]
    between = (x.narrow(axis, 0, size - 1) + x.narrow(axis, 1, size - 1)).mul_(INNER)
    for own, other in _outer_taps(between, x, axis):
        own.add_(other, alpha=OUTER)
    shape = list(x.shape)
    shape[axis] = 2 * size - 1
    out = x.new_empty(shape)
    out[_every_other(0, axis)] = x
    out[_every_other(1, axis)] = between
    return out


def _supersampled_along_adjoint(fine: Tensor, axis: int) -> Tensor:
    size = (fine.shape[axis] + 1) // 2
    out = fine[_every_other(0, axis)].contiguous()
    between = fine[_every_other(1, axis)].contiguous()
    out.narrow(axis, 0, size - 1).add_(between, alpha=INNER)
    out.narrow(axis, 1, size - 1).add_(between, alpha=INNER)
    for own, other in _outer_taps(between, out, axis):
        other.add_(own, alpha=OUTER)
    return out


def _outer_taps(between: Tensor, pixels: Tensor, axis: int) -> list[tuple[Tensor, Tensor]]:
    """Half-way points, and the pixels before and after the two that each lies between; the edge's own is repeated."""
    most, last = between.shape[axis] - 1, between.shape[axis]
    return [
        (between.narrow(axis, 1, most), pixels.narrow(axis, 0, most)),
        (between.narrow(axis, 0, 1), pixels.narrow(axis, 0, 1)),
        (between.narrow(axis, 0, most), pixels.narrow(axis, 2, most)),
        (between.narrow(axis, last - 1, 1), pixels.narrow(axis, last, 1)),
    ]


def _every_other(first: int, axis: int) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(first, None, 2),)
