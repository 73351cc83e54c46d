"""A blur as a picture: the kernels of a grid of points, drawn over the picture that they blurred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from vsdeblur.blind.operators.protocol import Blur

_CELLS = 8  # kernels along the longer side
_SIDES = (900, 1800)  # the longer side of the drawing: smaller pictures are enlarged, larger ones reduced
_FILLED = 0.74  # of a cell, by the kernel
_STRIP = 28  # pixels below the drawing, for its scale
_MASS = 0.997  # of every kernel that must be drawn
_VEIL = 0.35  # opacity of the picture around a kernel
_INK = (1.0, 0.85, 0.3)  # colour of the faintest parts of a kernel; its peak is white


def grid_points(size: tuple[int, int], cells: int = _CELLS) -> Tensor:
    """The middles of about square cells of a picture.

    Args:
        size: (H, W).
        cells: Along the longer side.

    Returns:
        (P, 2) integer pixels, x then y.
    """
    height, width = size
    cell = max(height, width) / cells
    down, across = (min(max(round(side / cell), 1), side) for side in size)
    y = ((torch.arange(down) + 0.5) * height / down).long()
    x = ((torch.arange(across) + 0.5) * width / across).long()
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)


def strokes(kernels: Tensor) -> tuple[Tensor, Tensor]:
    """Length and direction of kernels by their second moments.

    The length is that of the straight uniform line with the same second moment: 1 for a kernel of one pixel, which is
    no blur.

    Args:
        kernels: (P, n, n).

    Returns:
        Lengths (P,) in pixels, and directions (P,) in degrees, [0, 180), 0 along rows, anticlockwise.
    """
    reach = kernels.shape[-1] // 2
    at = torch.arange(-reach, reach + 1, dtype=kernels.dtype, device=kernels.device)
    mass = kernels.sum((-2, -1)).clamp_min(1e-9)
    x, y = kernels.sum(-2) / mass[:, None], kernels.sum(-1) / mass[:, None]
    mean_x, mean_y = (x * at).sum(-1), (y * at).sum(-1)
    xx, yy = (x * at**2).sum(-1) - mean_x**2, (y * at**2).sum(-1) - mean_y**2
    xy = (kernels * at[:, None] * at).sum((-2, -1)) / mass - mean_x * mean_y
    largest = (xx + yy) / 2 + (((xx - yy) / 2).square() + xy.square()).sqrt()
    angle = torch.rad2deg(torch.atan2(-2 * xy, xx - yy)) / 2
    return (12 * largest.clamp_min(0) + 1).sqrt(), angle % 180


def draw_kernels(picture: Tensor, blur: Blur) -> Tensor:
    """The kernels of a blur drawn over a picture.

    All kernels have the same scale, so that they can be compared; a bar at the bottom gives it.

    Args:
        picture: (1 or 3, H, W), display values.
        blur: Of that size.

    Returns:
        (3, H', W') in [0, 1].
    """
    import cv2

    height, width = blur.size
    points = grid_points(blur.size)
    kernels = _cropped(blur.kernels(points).float().cpu())
    zoom = _zoom(max(height, width))
    base = picture.detach().float().cpu().clamp(0, 1).expand(3, -1, -1).permute(1, 2, 0).numpy()
    size = (max(round(width * zoom), 1), max(round(height * zoom), 1))
    canvas: Any = cv2.resize(base, size, interpolation=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA).clip(0, 1)
    cell = min(side / len(set(at.tolist())) for side, at in zip(size, points.T, strict=True))
    side = max(int(cell * _FILLED), 3)
    for (x, y), kernel in zip(points.tolist(), kernels, strict=True):
        _stamp(canvas, ((x + 0.5) * zoom, (y + 0.5) * zoom), kernel.numpy(), side)
    canvas = np.concatenate((canvas, _scale_bar(canvas.shape[1], side / kernels.shape[-1])))
    return torch.from_numpy(np.ascontiguousarray(canvas.transpose(2, 0, 1)))


def _zoom(longest: int) -> float:
    low, high = _SIDES
    return min(-(-low // longest), 8) if longest < low else min(high / longest, 1.0)


def _cropped(kernels: Tensor) -> Tensor:
    """The smallest square around the middle with nearly all of every kernel, at least 9 pixels wide."""
    reach = kernels.shape[-1] // 2
    whole = kernels.sum((-2, -1))
    for r in range(min(4, reach), reach):
        inner = kernels[:, reach - r : reach + r + 1, reach - r : reach + r + 1]
        if bool((inner.sum((-2, -1)) >= _MASS * whole).all()):
            return inner
    return kernels


def _stamp(canvas: Any, middle: tuple[float, float], kernel: Any, side: int) -> None:
    """Draw one kernel in light colours on a dark, half transparent square, readable on any background."""
    import cv2

    enlarged = side >= 2 * len(kernel)
    how = cv2.INTER_NEAREST if enlarged else cv2.INTER_AREA if side < len(kernel) else cv2.INTER_LINEAR
    ink = cv2.resize(np.ascontiguousarray(kernel, np.float32), (side, side), interpolation=how)
    ink = np.sqrt((ink / max(float(ink.max()), 1e-9)).clip(0, 1))[..., None]  # makes faint parts visible
    left, top = (round(at - side / 2) for at in middle)
    rows = slice(max(top, 0), min(top + side, canvas.shape[0]))
    columns = slice(max(left, 0), min(left + side, canvas.shape[1]))
    ink = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    colour = np.asarray(_INK, np.float32) * (1 - ink**2) + ink**2
    patch = canvas[rows, columns]
    veil = np.float32(_VEIL)
    canvas[rows, columns] = patch * veil * (1 - ink) + colour * ink
    edge = canvas[rows, columns]
    for line in (edge[0], edge[-1], edge[:, 0], edge[:, -1]):
        line[:] = line * 0.6 + 0.25


def _scale_bar(width: int, enlarged: float) -> Any:
    """A strip for the lower end of the drawing, with a bar of 1, 10 or 100 pixels of blur."""
    import cv2

    strip = np.zeros((_STRIP, width, 3), np.uint8)  # OpenCV 5 draws text on 8 bits alone
    length = next((n for n in (1, 10) if n * enlarged >= 24), 100)
    bar = 8 + round(length * enlarged)
    cv2.rectangle(strip, (8, 12), (bar, 15), (255, 255, 255), -1)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    cv2.putText(strip, f"{length} px of blur", (bar + 8, 19), font, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return strip.astype(np.float32) / 255
