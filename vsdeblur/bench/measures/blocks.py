"""The worst places: blocks where the restored frames are furthest below repeating the input.

    gain_b = 10 log10((mse_b(repeated) + FLOOR) / (mse_b(restored) + FLOOR))       of each block of 16 x 16 pixels
    worst  = mean of the lowest 1 % of all gain_b                                  dB, below 0: worse than the input

FLOOR, an error of 2 code values, is what nobody sees: without it flat blocks, in which either is nearly right, would be
the worst.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vsdeblur.bench.protocol import Frames

SIDE = 16  # pixels
SHARE = 0.01
FLOOR = 2.0**2  # code values, squared


def block_gains(restored: Frames, repeated: Frames, sharp: Frames) -> npt.NDArray[np.float64]:
    """dB of every whole block of a frame (H, W, 3), (H // 16, W // 16)."""
    before, after = (_errors(picture, sharp) + FLOOR for picture in (repeated, restored))
    gains: npt.NDArray[np.float64] = 10 * np.log10(before / after)
    return gains


def worst(gains: npt.NDArray[np.float64]) -> float:
    """The mean of the lowest hundredth, of one block at least."""
    lowest = np.sort(gains, axis=None)[: max(1, round(SHARE * gains.size))]
    return float(lowest.mean())


def _errors(a: Frames, b: Frames) -> npt.NDArray[np.float64]:
    rows, columns = (side // SIDE for side in a.shape[:2])
    inside = slice(0, rows * SIDE), slice(0, columns * SIDE)
    squared = (a[inside].astype(np.float64) - b[inside]) ** 2
    mean: npt.NDArray[np.float64] = squared.reshape(rows, SIDE, columns, SIDE, 3).mean(axis=(1, 3, 4))
    return mean
