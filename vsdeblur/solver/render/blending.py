"""Two key frames blended at an instant between exposures, with the detail that their mean lacks.

While the shutter is open the residual returns what the mean lacks. While it is closed nothing does: where both key
frames show the same detail a part of a pixel apart, their mean is softer than either, and sharpness pulses with the
shutter. With h_l the detail of key frame l, w_l its weight and E the mean around a pixel,

    u <- u + s (g - 1) sum_l w_l h_l,    c = E |sum_l w_l h_l|^2 / sum_l w_l E |h_l|^2,    g = min(c^-1/2, MOST)

where s is 0 at both ends of the gap, 1 in its middle, and 0 where details have nothing to do with one another,
c = sum_l w_l^2: a ghost that is drawn sharply is worse than a soft one. It takes nothing out of the range of both key
frames within a pixel, or below black: what lies beside an edge would ring.

References:
    Heitz, Neyret: High-performance by-example noise using a histogram-preserving blending operator, HPG 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsdeblur.solver.render.compositing import Layer, add_layer, empty_rows, warped
from vsdeblur.solver.render.geometry import RowGroup
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.tensors import box, greatest, smoothstep

MOST = 1.5
DETAIL, AROUND = 5, 15  # pixels of the means that detail is a difference from, and that its power is one of
MARGIN = DETAIL // 2 + AROUND // 2  # rows beyond those that are blended
_ALIKE = 0.4  # correlation of two details from which all of it is added; at 0 nothing is
_LEAST = 1e-8  # power of detail that is none


def blended(solved: SolvedWindow, group: RowGroup, layers: Sequence[Layer], rows: slice) -> tuple[Tensor, list[Tensor]]:
    """Rows of the sum of the layers, and of their images moved, without weights: (1, C, rows, W) each.

    Args:
        solved: The window.
        group: That the rows are of.
        layers: Its key frames.
        rows: Of the frame.
    """
    if len(layers) < 2 or not is_between(solved, group):
        moved = [warped(solved, layer, rows) for layer in layers]
        return _sum(solved, layers, moved, rows), moved
    wide = slice(max(rows.start - MARGIN, 0), min(rows.stop + MARGIN, solved.size[0]))
    inner = slice(rows.start - wide.start, rows.stop - wide.start)
    around = [warped(solved, layer, wide) for layer in layers]
    u = _sum(solved, layers, [x[:, :, inner] for x in around], rows)
    shown = [_below_white(layer, x[:, : solved.colour]) for layer, x in zip(layers, around, strict=True)]
    lacking = _lacking_detail(solved, layers, shown, wide)[:, :, inner].mul_(_share(solved, group, rows))
    colours, (low, high) = u[:, : solved.colour], (x[:, :, inner] for x in _range(shown))
    # Only what is added is limited: the mean stays as it is where it lies beyond.
    colours += torch.minimum(torch.maximum(lacking, (low - colours).clamp_(max=0)), (high - colours).clamp_(min=0))
    return u, [x[:, :, inner] for x in around]


def is_between(solved: SolvedWindow, group: RowGroup) -> bool:
    """Whether the group lies between two exposures of a scene."""
    n, after = group.n, group.n + 1
    return group.at > solved.shutters[n] and after < len(solved.frames) and not solved.opens_scene(after)


def _sum(solved: SolvedWindow, layers: Sequence[Layer], moved: Sequence[Tensor], rows: slice) -> Tensor:
    total = empty_rows(solved, rows)
    for layer, one in zip(layers, moved, strict=True):
        add_layer(solved, total, layer, one, rows)
    return total


def _share(solved: SolvedWindow, group: RowGroup, rows: slice) -> float | Tensor:
    """4 a (1 - a), a the place in the gap from 0 to 1; one for all, or (1, 1, rows, 1)."""
    shutter, since = solved.shutters[group.n], group.since
    if isinstance(since, Tensor):
        since = solved.upsampled(since, rows, slice(0, 1)).clamp_(shutter, 1)
    a = (since - shutter) / (1 - shutter)
    return 4 * a * (1 - a)


def _below_white(layer: Layer, colours: Tensor) -> Tensor:
    """Lights beyond it are points, whose detail would count for all around."""
    return colours if layer.white is None else colours.clamp(max=layer.white)


def _lacking_detail(solved: SolvedWindow, layers: Sequence[Layer], shown: Sequence[Tensor], rows: slice) -> Tensor:
    """(g - 1) sum_l w_l h_l, and 0 where details are unlike, of colours (1, colours, rows, W)."""
    like = shown[0]
    mixed, power, unlike = torch.zeros_like(like), torch.zeros_like(like[:, :1]), torch.zeros_like(like[:, :1])
    for layer, colours in zip(layers, shown, strict=True):
        weight = layer.weight
        if isinstance(weight, Tensor):
            weight = solved.upsampled(weight, rows, slice(0, 1))
        detail = colours - box(colours, DETAIL)
        power += _power(detail).mul_(weight)
        mixed += detail.mul_(weight)
        unlike += weight * weight
    kept = _power(mixed).add_(_LEAST).div_(power.add_(_LEAST))
    gain = kept.rsqrt().clamp_(1, MOST).sub_(1)
    correlation = kept.sub_(unlike).div_(1 + _LEAST - unlike)
    return mixed.mul_(gain.mul_(smoothstep(correlation, 0.0, _ALIKE)))


def _range(images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The least value of the images within a pixel, black or more, and the greatest."""
    least, most = images[0], images[0]
    for image in images[1:]:
        least, most = torch.minimum(least, image), torch.maximum(most, image)
    return (-greatest(-least, 3)).clamp_(min=0), greatest(most, 3)


def _power(detail: Tensor) -> Tensor:
    """E |h|^2, (1, 1, rows, W)."""
    return box(detail.square().mean(1, keepdim=True), AROUND)
