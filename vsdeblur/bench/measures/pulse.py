"""Pulse: how much sharpness alternates at the rate of the source, within exposures against between them.

    S_k   = sqrt(mean over moving x of |grad y_k(x)|^2)                      sharpness of output k, y its luma
    L_k   = log S_k - mean of log S over the period around k                 without what the scene itself does
    P_j   = mean over periods n of L_(n r + j)                               j < r, the place in the period
    pulse = 100 (max_j P_j - min_j P_j)                                      percent

The mean over a period is centred; of an even number of outputs its two ends count half, so that steady growth of the
sharpness gives no pulse.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vsdeblur.bench.measures.motion import Mask
from vsdeblur.bench.protocol import Frames

_LEAST = 0.1  # code values: below, nothing is there to be sharp


def sharpness(frame: Frames, moving: Mask) -> float:
    """Root mean square gradient of luma over the moving pixels of a frame (H, W, 3), code values per pixel."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = np.diff(luma, axis=1, append=luma[:, -1:]), np.diff(luma, axis=0, append=luma[-1:])
    return float(np.sqrt((across**2 + down**2)[moving].mean())) if moving.any() else 0.0


def pulse(sharp: Sequence[float], factor: int) -> float:
    """Of the sharpness of every output, ``factor`` a period; the first and the last period only as neighbours.

    Returns:
        Percent; 0 with one output per period, or where nothing moves. At least three periods are needed.
    """
    if factor == 1:
        return 0.0
    logs = np.log(np.maximum(np.asarray(sharp, np.float64), _LEAST))
    period = np.ones(factor) if factor % 2 else np.array([0.5, *[1.0] * (factor - 1), 0.5])
    reach = len(period) // 2
    around = np.convolve(logs, period / factor, mode="valid")
    inner = (logs[reach : len(logs) - reach] - around)[factor - reach : len(logs) - factor - reach]
    places = inner.reshape(-1, factor).mean(axis=0)
    return 100 * float(places.max() - places.min())
