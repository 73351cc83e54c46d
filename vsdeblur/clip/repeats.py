"""Frames that only show the frame before once more: not exposures, and so nothing to solve a window from.

A repeat shares its noise with the frame that it repeats, and the frames around it have moved on. So a run of frames
counts as repeats where what they differ by is far below both their own noise and what the pictures on either side
differ by, and where it is short. What rests for longer does rest, and a still shot, noisy or not, has no repeats: its
frames differ as much as their neighbours do. Strong compression changes a repeat by more than noise, but only in the
few blocks that it codes anew, and not as slow motion would: no shift explains it (Lucas and Kanade 1981). Where only
the light changes beside such a run, nothing has moved and the run is a still shot.
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
_BLOCK = 8  # pixels: the block that differs most counts for the frame, since often only something small moves
_RECODED = 4 / 255  # what coding a repeat anew may change in the block that differs most: H.264 at good quality 1 to 3
_RECODED_COARSELY = 16 / 255  # the same at CRF 28 to 33
_SPARSE = 4.0  # times what the block in the middle differs by: 7 and more where coded anew, below 2 for noise
_SHIFTED = 0.5  # of the difference; of small motion a shift explains more
_UNEXPLAINED = 0.05  # of the squared difference, beside a change of gain; motion leaves a half and more
_WINDOW = 16  # pixels that shift together
_TESTED = 50  # one window in so many, those that differ most, is tested
_COPIED = 0.5  # of what two frames with noise of their own differ by
_MOVED = 2.0  # of the same: what frames have to differ by for something to have moved
_LEAST_MOTION = 2 / 255  # difference of frames between which something moves
_MOTION_OVER_REPEAT = 4.0  # least ratio of differences; between successive frames of real footage it is below 2


def thumbnail(planes: Sequence[Plane], peak: float = 1.0) -> Thumbnail:
    """A small grey picture of a frame as it is stored.

    Args:
        planes: (H, W) each, integers or floats.
        peak: Their value of white.

    Returns:
        Their mean, area-averaged to EDGE pixels on the longer side; what is not finite becomes 0 or 1.
    """
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
        beside = [n for n in (first - 1, last) if 0 <= n < len(steps)]
        if last - first > LONGEST or not beside:
            continue
        noise = max(_noise(thumbnails[n]) for n in (first, last))
        calm, moving = max(steps[first:last]), min(steps[n] for n in beside)
        alike = calm <= max(_RECODED, _COPIED * noise)
        if not alike and calm <= _RECODED_COARSELY:
            alike = all(_coded_anew(*thumbnails[n : n + 2]) for n in range(first, last))
        if alike and moving >= max(_MOTION_OVER_REPEAT * calm, _MOVED * noise, _LEAST_MOTION):
            only_light = any(_gain_explains(*thumbnails[n : n + 2]) for n in beside)
            repeats[first + 1 : last + 1] = [not only_light] * (last - first)
    return tuple(repeats)


def distinct(thumbnails: Sequence[Thumbnail]) -> list[int]:
    """The numbers of the frames that repeat none."""
    return [n for n, repeated in enumerate(find_repeats(thumbnails)) if not repeated]


def _calm(steps: Sequence[float]) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of steps that are small beside the one before or the one after the run."""
    runs: list[tuple[int, int]] = []
    for n, step in enumerate(steps):
        around = [steps[k] for k in range(max(n - LONGEST, 0), min(n + LONGEST + 1, len(steps)))]
        if step * _MOTION_OVER_REPEAT > max(around):
            continue
        if runs and runs[-1][1] == n:
            runs[-1] = (runs[-1][0], n + 1)
        else:
            runs.append((n, n + 1))
    return runs


def _difference(a: Thumbnail, b: Thumbnail) -> float:
    """In the block that differs most."""
    return float(_blocks(a, b).max())


def _blocks(a: Thumbnail, b: Thumbnail) -> Thumbnail:
    """Root mean square differences of blocks."""
    square = np.square(a - b)
    rows, columns = (range(0, size, _BLOCK) for size in square.shape)
    sums = np.add.reduceat(np.add.reduceat(square, rows, axis=0), columns, axis=1)
    counts = np.outer(_lengths(square.shape[0]), _lengths(square.shape[1]))
    return np.asarray(np.sqrt(sums / counts), np.float32)


def _gain_explains(a: Thumbnail, b: Thumbnail) -> bool:
    """Whether what differs is the light, and nothing has moved: one is the other brightened, or nearly."""
    centred, other = a - a.mean(), b - b.mean()
    gain = float((centred * other).sum()) / max(float(np.square(centred).sum()), 1e-9)
    return float(np.square(other - gain * centred).sum()) < _UNEXPLAINED * float(np.square(b - a).sum())


def _coded_anew(a: Thumbnail, b: Thumbnail) -> bool:
    """Whether what differs is what a coder did to the same picture, and not noise or motion."""
    blocks = _blocks(a, b)
    return float(blocks.max()) > _SPARSE * float(np.median(blocks)) and _shifted(a, b) < _SHIFTED


def _shifted(a: Thumbnail, b: Thumbnail) -> float:
    """The share of b - a, where it is largest, that shifts of windows explain:  b - a = -d . grad  by least squares."""
    import cv2

    mean, change = (a + b) / 2, b - a
    x, y = (cv2.Sobel(mean, cv2.CV_32F, *axis, ksize=3, scale=1 / 8) for axis in ((1, 0), (0, 1)))

    def total(product: Thumbnail) -> Thumbnail:
        sums = cv2.boxFilter(product, cv2.CV_32F, (_WINDOW, _WINDOW), normalize=False)
        return np.asarray(sums[:: _WINDOW // 2, :: _WINDOW // 2], np.float32)

    xx, xy, yy = total(x * x), total(x * y), total(y * y)
    cx, cy, whole = total(change * x), total(change * y), total(change * change)
    ridge = 1e-4 * (xx + yy) + 1e-7
    xx, yy = xx + ridge, yy + ridge
    explained = (yy * cx * cx - 2 * xy * cx * cy + xx * cy * cy) / (xx * yy - xy * xy)
    most = np.argsort(whole, axis=None)[-max(whole.size // _TESTED, 4) :]
    return float(explained.flat[most].sum() / max(whole.flat[most].sum(), 1e-12))


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
