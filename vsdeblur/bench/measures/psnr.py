"""PSNR of code values.

    PSNR(a, b) = 10 log10(255^2 / mean((a - b)^2)),   at most CAP

so that nothing is infinite and one static frame does not carry a mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PEAK = 255.0  # code values
CAP = 60.0  # dB


def psnr(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Of two arrays of 8-bit code values (or their means or differences), in dB, capped."""
    mse = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return min(CAP, 10 * float(np.log10(PEAK**2 / mse))) if mse > 0 else CAP


def by_place(restored: npt.NDArray[Any], sharp: npt.NDArray[Any], factor: int, every: int = 1) -> npt.NDArray[Any]:
    """PSNR of each true sub-frame, (inner periods, true places in the period), dB.

    Args:
        restored, sharp: (N * factor, H, W, 3) code values; the first and the last period are left out.
        factor: sub-frames per period.
        every: one in so many sub-frames is a true frame, from the first on.
    """
    periods = range(1, len(sharp) // factor - 1)
    places = range(0, factor, every)
    return np.array([[psnr(restored[n * factor + j], sharp[n * factor + j]) for j in places] for n in periods])


def mean_psnr(restored: npt.NDArray[Any], sharp: npt.NDArray[Any], factor: int, every: int = 1) -> float:
    """The mean of ``by_place``, which tables call "all", dB."""
    return float(by_place(restored, sharp, factor, every).mean())
