"""A ground that a camera pans over, exposed at any times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 56
CADENCE = [n * 4 // 5 for n in range(40)]  # 24 in 30: 0 0 1 2 3 4 4 5 ...
_RNG = np.random.default_rng(5)
_GROUND = np.kron(_RNG.uniform(0.1, 0.9, (8, 60)), np.ones((5, 5)))
_GROUND = np.mean([np.roll(_GROUND, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)], 0)


def picture(t: float, speed: float = 3.0) -> NDArray[np.float64]:
    """What is seen at t at ``speed`` pixels a period: (HEIGHT, WIDTH) in [0, 1]."""
    at = np.arange(WIDTH) + 8 + speed * t
    left = np.floor(at).astype(int)
    return _GROUND[:, left] * (1 - (at - left)) + _GROUND[:, left + 1] * (at - left)


def exposed(t: float, shutter: float = 0.5) -> NDArray[np.float64]:
    """The mean while the shutter is open, from t on."""
    return np.mean([picture(t + shutter * (k + 0.5) / 8) for k in range(8)], axis=0)


def small(times: Sequence[float], noise: float = 0.0, coded: float = 0.0) -> list[np.ndarray]:
    """Thumbnails of exposures at times; a time that comes again brings its noise again, but is coded anew."""
    own = {t: exposed(t) + noise * _RNG.standard_normal((HEIGHT, WIDTH)) for t in times}
    return [(own[t] + coded * _RNG.standard_normal((HEIGHT, WIDTH))).astype(np.float32) for t in times]


def repeated(times: Sequence[float]) -> list[int]:
    """The numbers of the frames that repeat the one before."""
    return [n for n in range(1, len(times)) if times[n] == times[n - 1]]
