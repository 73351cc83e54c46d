"""Rolling shutter: the rows of a frame are exposed one after the other.

Row y of a picture H rows high opens  d(y) = readout * y / H  periods after the frame's timestamp. Take the film whose
rows run late by just that,

    w(x, y, t) = u(x, y, t + d(y)),        v_n(x, y) = 1/s integral over [n, n + s] of w(x, y, t) dt

Of w all rows are exposed at once. So motion, key frames and residuals are those of w, found as if there were no
rolling shutter (a point that moves by V moves by V / (1 - readout V_y / H) in w), and only rendering knows better: the
instant t of u is, row by row, the instant t - d(y) of w.
"""

from __future__ import annotations

import torch
from torch import Tensor


def row_delays(height: int, readout: float, steps: float | None = None) -> Tensor:
    """d(y) in periods, (height,) float64. steps: sub-frames per period that the rows are averages of, None for light.

    Averages of whole sub-frames open with one, as ``Exposure.build`` has it for its taps.

    >>> row_delays(4, readout=0.5).tolist()
    [0.0, 0.125, 0.25, 0.375]
    """
    delays = torch.arange(height, dtype=torch.float64) * (readout / height)
    return delays if steps is None else (delays * steps + 1e-9).floor() / steps
