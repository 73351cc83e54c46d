"""Weighted sums of warped images, a band of rows at a time.

u(x) = sum_l weight_l(x) image_l(x + flow_l(x))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vsdeblur.flow.motion import extent
from vsdeblur.flow.warp import warp
from vsdeblur.solver.render.geometry import Position, RowGroup
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.tensors import smoothstep

STATIC, MOVING = 0.05, 0.2  # pixels a period: up to which the blurry frame stays, from which it has no share


class Layer(NamedTuple):
    """One term of a composite.

    Attributes:
        image: (1, C, H, W).
        flow: (1, 2, h, w) in pixels of the frame; None for the identity.
        weight: One for all, or one for each row, (1, 1, h, 1).
        white: The level above which the image holds lights that clipped; None without any.
    """

    image: Tensor
    flow: Tensor | None
    weight: float | Tensor
    white: float | None = None


def key_frame_layers(solved: SolvedWindow, positions: Sequence[Position]) -> list[Layer]:
    """The key frames as layers, moved to the positions."""
    return [Layer(solved.keys[n : n + 1], flow, weight, solved.white) for n, flow, weight in positions]


def composite(solved: SolvedWindow, layers: Sequence[Layer], rows: slice, onto: Tensor | None = None) -> Tensor:
    """Rows of the sum of the layers.

    Args:
        solved: The window.
        layers: The terms.
        rows: Of the frame.
        onto: (1, C, rows, W), overwritten with its sum with the layers; None for 0.

    Returns:
        (1, C, rows, W).
    """
    total = empty_rows(solved, rows) if onto is None else onto
    for layer in layers:
        add_layer(solved, total, layer, warped(solved, layer, rows), rows)
    return total


def subtract(
    solved: SolvedWindow, u: Tensor, layers: Sequence[Layer], rows: slice | None = None, *, parts: int = 1
) -> None:
    """u -= a composite / parts, in place.

    Args:
        solved: The window.
        u: (C, H, W), overwritten.
        layers: Of the composite.
        rows: Of u, None for all.
        parts: 1 or more.
    """

    def subtract_band(band: slice) -> None:
        u[:, band] -= composite(solved, layers, band)[0].div_(parts)

    solved.by_bands(subtract_band, rows)


def empty_rows(solved: SolvedWindow, rows: slice) -> Tensor:
    """Zeros of the shape of some rows, (1, C, rows, W)."""
    return solved.frames.new_zeros(1, solved.frames.shape[1], rows.stop - rows.start, solved.size[1])


def warped(solved: SolvedWindow, layer: Layer, rows: slice) -> Tensor:
    """Rows of a layer's image moved along its flow, without its weight, (1, C, rows, W)."""
    if layer.flow is None:
        return layer.image[:, :, rows]
    return _sampled(layer, solved.upsampled(layer.flow, rows), rows.start)


def add_layer(solved: SolvedWindow, total: Tensor, layer: Layer, moved: Tensor, rows: slice) -> None:
    """total += weight * moved, in place.

    Args:
        solved: The window.
        total: (1, C, rows, W), overwritten.
        layer: Gives the weight.
        moved: (1, C, rows, W), from ``warped``.
        rows: Of the frame.
    """
    if isinstance(layer.weight, Tensor):
        total.addcmul_(moved, solved.upsampled(layer.weight, rows, slice(0, 1)))
    else:
        total.add_(moved, alpha=layer.weight)


def keep_static(solved: SolvedWindow, u: Tensor, groups: Sequence[RowGroup]) -> Tensor:
    """u where points move, the blurry frame where they stand still.

    The share of u is a smooth step of the distance that a point moves in a period, from STATIC to MOVING.

    Args:
        solved: The window.
        u: (C, H, W), overwritten.
        groups: All rows of u.

    Returns:
        u.
    """
    for group in groups:
        _keep_static_group(solved, u, group)
    return u


def _keep_static_group(solved: SolvedWindow, u: Tensor, group: RowGroup) -> None:
    moving, still = moving_share(extent(solved.path(group.n))), solved.frames[group.n]

    def keep(rows: slice) -> None:
        u[:, rows] = torch.lerp(still[:, rows], u[:, rows], solved.upsampled(moving, rows)[0])

    solved.by_bands(keep, group.rows)


def moving_share(distance: Tensor) -> Tensor:
    """The share of points that are taken to move, by the distance that they move in a period, pixels, any shape."""
    return smoothstep(distance, STATIC, MOVING)


def _sampled(layer: Layer, flow: Tensor, top: int) -> Tensor:
    """Rows of a layer's image from ``top`` on, moved along flow (1, 2, rows, W) in pixels of the frame.

    Lights above white are sampled linearly: a cubic kernel's negative lobes would draw dark rings around them.
    """
    image, height = layer.image, layer.image.shape[-2]
    if layer.white is None:
        return warp(image, flow, top=top)
    first, last = 0, height
    if flow.device.type == "cpu":  # only the strip that is sampled is split, where to look for it is no wait
        low, high = flow[:, 1].aminmax()
        first = min(max(top + int(low) - 3, 0), height - 1)
        last = max(min(top + flow.shape[-2] + int(high) + 4, height), first + 1)
    strip = image[:, :, first:last]
    below = strip.clamp(max=layer.white)
    return warp(below, flow, top=top - first).add_(warp(strip - below, flow, "bilinear", top - first))
