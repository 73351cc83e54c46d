"""Structural similarity (Wang et al. 2004), with the Gaussian window of 11 pixels and sigma 1.5 that is usual.

    SSIM = (2 mx my + c1)(2 cov + c2) / ((mx^2 + my^2 + c1)(vx + vy + c2)),   c1 = 0.01^2, c2 = 0.03^2

of values in [0, 1]; m, v and cov are means, variances and the covariance under the window.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.bench.protocol import Frames

_C1, _C2 = 0.01**2, 0.03**2


def ssim_map(a: Frames, b: Frames) -> npt.NDArray[np.float64]:
    """SSIM around every pixel and channel of two pictures, (H, W, 3)."""
    x, y = a / 255.0, b / 255.0
    mx, my = _mean(x), _mean(y)
    vx, vy, cov = _mean(x * x) - mx * mx, _mean(y * y) - my * my, _mean(x * y) - mx * my
    found: npt.NDArray[np.float64] = (
        (2 * mx * my + _C1) * (2 * cov + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    )
    return found


def ssim(a: Frames, b: Frames) -> float:
    """The mean over two pictures (H, W, 3)."""
    return float(ssim_map(a, b).mean())


def _mean(x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    # separable, which for a window of 11 is twenty times as fast as a convolution in two dimensions
    return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101), np.float64)
