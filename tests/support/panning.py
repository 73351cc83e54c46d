"""A ground that a camera pans over, exposed at any times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 56
CADENCE = [n * 4 // 5 for n in range(40)]  # 24 in 30: 0 0 1 2 3 4 4 5 ...
_GROUND = np.kron(np.random.default_rng(5).uniform(0.1, 0.9, (8, 60)), np.ones((5, 5)))
_GROUND = sum(np.roll(_GROUND, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9


def picture(t: float, speed: float = 3.0) -> NDArray[np.float64]:
    """What is seen at t at ``speed`` pixels a period: (HEIGHT, WIDTH) in [0, 1]."""
    at = np.arange(WIDTH) + 8 + speed * t
    left = np.floor(at).astype(int)
    return _GROUND[:, left] * (1 - (at - left)) + _GROUND[:, left + 1] * (at - left)


def exposed(t: float, shutter: float = 0.5) -> NDArray[np.float64]:
    """The mean while the shutter is open, from t on."""
    return np.mean([picture(t + shutter * (k + 0.5) / 8) for k in range(8)], axis=0)
