"""Frames that only show the frame before once more: not exposures, and so nothing to solve a window from.

A repeat shares its noise with the frame that it repeats, and the frames around it have moved on. So a run of frames
counts as repeats where what they differ by is far below both their own noise and what the pictures on either side
differ by, and where it is short. What rests for longer does rest, and a still shot, noisy or not, has no repeats: its
frames differ as much as their neighbours do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Plane = NDArray[np.integer[Any] | np.floating[Any]]
Thumbnail = NDArray[np.float32]  # (h, w), grey, as stored, nominally [0, 1]

EDGE = 320  # pixels on the longer side of a thumbnail
LONGEST = 3  # repeats of one picture; what stands for longer is a pause
_BLOCK = 8  # pixels: the place that differs most speaks for the frame, since often only something small moves
_CODED = 4 / 255  # what coding a repeat anew may change in the block that differs most: H.264 at good quality 1 to 3
_COPIED = 0.5  # of what two frames with noise of their own differ by
_MOVED = 2.0  # of the same: what frames have to differ by for something to have moved
_LEAST = 2 / 255
_FAR = 5.0  # times what a repeat differs by


def thumbnail(planes: Sequence[Plane], peak: float = 1.0) -> Thumbnail:
    """The mean of planes (H, W), divided by ``peak`` and averaged down to EDGE pixels."""
    import cv2

    height, width = planes[0].shape
    scale = min(1.0, EDGE / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = [cv2.resize(_readable(plane), size, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in planes]
    grey = np.nan_to_num(np.mean(small, axis=0, dtype=np.float32) / np.float32(peak), posinf=1.0, neginf=0.0)
    return np.asarray(grey, np.float32)


def thumbnails(frames: Tensor) -> list[Thumbnail]:
    """Of frames (N, C, H, W) as they are stored."""
    return [thumbnail(list(frame.cpu().float().numpy())) for frame in frames]


def find_repeats(thumbnails: Sequence[Thumbnail]) -> tuple[bool, ...]:
    """For each frame whether it repeats the one before."""
    repeats = [False] * len(thumbnails)
    steps = [_difference(a, b) for a, b in pairwise(thumbnails)]
    for first, last in _calm(steps):
        before, after = steps[first - 1 : first], steps[last : last + 1]
        if last - first > LONGEST or not (before or after):
            continue
        noise = max(_noise(thumbnails[n]) for n in (first, last))
        calm, moving = max(steps[first:last]), min(*before, *after, np.inf)
        alike = calm <= max(_CODED, _COPIED * noise)
        if alike and moving >= max(_FAR * calm, _MOVED * noise, _LEAST):
            repeats[first + 1 : last + 1] = [True] * (last - first)
    return tuple(repeats)


def distinct(thumbnails: Sequence[Thumbnail]) -> list[int]:
    """The numbers of the frames that repeat none."""
    return [n for n, repeated in enumerate(find_repeats(thumbnails)) if not repeated]


def _calm(steps: Sequence[float]) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of steps that are small beside the one before or the one after the run."""
    runs: list[tuple[int, int]] = []
    for n, step in enumerate(steps):
        around = [steps[k] for k in range(max(n - LONGEST, 0), min(n + LONGEST + 1, len(steps)))]
        if step * _FAR > max(around):
            continue
        if runs and runs[-1][1] == n:
            runs[-1] = (runs[-1][0], n + 1)
        else:
            runs.append((n, n + 1))
    return runs


def _difference(a: Thumbnail, b: Thumbnail) -> float:
    """Root mean square difference in the block that differs most."""
    square = np.square(a - b)
    rows, columns = (range(0, size, _BLOCK) for size in square.shape)
    sums = np.add.reduceat(np.add.reduceat(square, rows, axis=0), columns, axis=1)
    counts = np.outer(_lengths(square.shape[0]), _lengths(square.shape[1]))
    return float(np.sqrt((sums / counts).max()))


def _lengths(size: int) -> NDArray[np.intp]:
    edges = np.append(np.arange(0, size, _BLOCK), size)
    return np.diff(edges)


def _noise(picture: Thumbnail) -> float:
    """What two frames of a still shot would differ by, from the noise of one."""
    import torch

    from vsdeblur.camera.noise import noise_level

    return float(np.sqrt(2)) * noise_level(torch.from_numpy(picture)[None, None])


def _readable(plane: Plane) -> Plane:
    kept = plane if plane.dtype in (np.uint8, np.uint16, np.float32) else plane.astype(np.float32)
    return np.ascontiguousarray(kept)
