"""How the picture moves from frame to frame, in a coarse grid of cells: the evidence of the readout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsdeblur.colour.display import to_matching
from vsdeblur.flow.dis import DisFlow

Array = NDArray[np.floating[Any]]

ROWS, COLUMNS = 8, 5
MIN_DRIFT_SIDE = 4 * ROWS  # rows and columns of a picture that has room for the cells
MAX_DRIFT_SIDE = 480  # pixels of the picture that motion is found in
_DETAIL = 9  # pixels around a point in which its texture in both directions is measured
_NOISE = 1.5 / 255  # of a gradient with half weight
_FEWEST = 16  # points of a cell
_ROUNDS = 10  # of reweighting
_GOOD = 0.35  # of the cells at least go with the camera
_MANY = 5  # pairs, from which on a cell has a usual remainder
_LEAST = 0.1  # pixels: residuals below are as good as none


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """The motion of a run of frames without a cut.

    Attributes:
        flow: (pairs, cells, 2), pixels (x, y) from each frame to the next.
        weight: (pairs, cells) in [0, 1], by the detail that a cell has.
        at: (cells, 2), the cells' middles, pixels from the middle of the picture.
        height: of the picture, pixels.
        width: of the picture, pixels.
    """

    flow: Array
    weight: Array
    at: Array
    height: int
    width: int


def find_drift(grey: Tensor, *, linear: bool = True) -> Drift:
    """The drift of successive grey frames (n, h, w), n at least 2, by OpenCV DIS; ``linear``: they are linear light."""
    shown = to_matching(grey) if linear else grey.clamp(0, 1)
    height, width = shown.shape[-2:]
    cell = (height // ROWS, width // COLUMNS)
    corner = ((height - ROWS * cell[0]) // 2, (width - COLUMNS * cell[1]) // 2)
    flow = DisFlow("fast")
    found = [_cells(a, flow(a[None], b[None]), cell, corner) for a, b in pairwise(shown)]
    y, x = (
        (np.arange(n) + 0.5) * size - 0.5 + edge for n, size, edge in zip((ROWS, COLUMNS), cell, corner, strict=True)
    )
    at = np.stack(np.meshgrid(x - (width - 1) / 2, y - (height - 1) / 2), -1).reshape(-1, 2)
    return Drift(np.stack([one for one, _ in found]), np.stack([one for _, one in found]), at, height, width)


def robust_weights(drift: Drift) -> Array:
    """(pairs, cells): the weights, less where a cell goes its own way, and where a pair's flow is rough.

    Judged without a path: by a flow that varies over the picture as any camera's may, and the cell's usual remainder.
    """
    x, y = (drift.at / drift.height).T
    smooth = np.stack((np.ones_like(x), x, y, y * y), 1)
    left = drift.flow - np.median(drift.flow, 1, keepdims=True)
    for _ in range(_ROUNDS):
        error = np.hypot(left[..., 0], left[..., 1])
        usual = np.maximum(2 * np.quantile(error, _GOOD, axis=1, keepdims=True), _LEAST)
        weight = drift.weight / (1 + np.square(error / usual)) ** 2
        for n, (flow, w) in enumerate(zip(drift.flow, weight, strict=True)):
            root = np.sqrt(w)[:, None] + 1e-6
            left[n] = flow - smooth @ np.linalg.lstsq(root * smooth, root * flow, rcond=None)[0]
        if len(left) >= _MANY:
            left -= np.median(left, 0)
    robust: Array = weight * np.square(usual.min() / usual)
    return robust


def shifts_and_turns(drift: Drift) -> Array:
    """(pairs, 3): how the picture moved as a whole, its middle along x and y in pixels, and its turn in radians."""
    flat = np.concatenate((np.ones((len(drift.at), 1)), drift.at), 1)
    out = []
    for flow, w in zip(drift.flow, robust_weights(drift), strict=True):
        root = np.sqrt(w)[:, None] + 1e-6
        (x, y), (_, turn), (shear, _) = np.linalg.lstsq(root * flat, root * flow, rcond=None)[0]
        out.append((x, y, (turn - shear) / 2))
    return np.array(out)


def _cells(a: Tensor, flow: Tensor, cell: tuple[int, int], corner: tuple[int, int]) -> tuple[Array, Array]:
    """The median flow (cells, 2) of the half of each cell that has most detail and stays in the picture; weights."""
    height, width = a.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    to_x, to_y = x + flow[0], y + flow[1]
    stays = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    parts = [_by_cell(field.numpy(), cell, corner) for field in (*flow, _detail(a), stays)]
    across, down, detail, inside = parts
    chosen = (detail >= np.median(detail, 1, keepdims=True)) & (inside > 0)
    some = chosen.sum(1) >= _FEWEST
    chosen |= ~some[:, None]  # a median needs something; its weight will be none
    middle = np.stack([np.nanmedian(np.where(chosen, field, np.nan), axis=1) for field in (across, down)], -1)
    strength = np.nanmean(np.where(chosen, detail, np.nan), axis=1)
    return middle, some * strength / (strength + _NOISE**2)


def _detail(a: Tensor) -> Tensor:
    """The power of the gradients around each point of a (h, w), along the axis that has less."""
    image = a.numpy()
    size = (_DETAIL, _DETAIL)
    powers = [cv2.blur(np.square(cv2.Sobel(image, cv2.CV_32F, *axis) / 8), size) for axis in ((1, 0), (0, 1))]
    return torch.from_numpy(np.minimum(*powers))


def _by_cell(field: Array, cell: tuple[int, int], corner: tuple[int, int]) -> Array:
    """(h, w) as (cells, points)."""
    rows = slice(corner[0], corner[0] + ROWS * cell[0])
    columns = slice(corner[1], corner[1] + COLUMNS * cell[1])
    split = field[rows, columns].reshape(ROWS, cell[0], COLUMNS, cell[1])
    return np.asarray(split.transpose(0, 2, 1, 3).reshape(ROWS * COLUMNS, -1), np.float64)
