"""The camera's path from its gyroscope: H = K R K^-1, with K, R and the clocks' offset found from the pictures.

Files hold how fast a camera turned, but not how gyroscope and picture lie to one another: the order and sign of the
axes, the focal length behind the lens and the processing, the offset of the clocks. For small angles K R K^-1 is a
shift and a turn of the picture that are linear in the angles, so a 3 x 3 matrix M stands for all but the offset, and

    (shift x, shift y, turn) of the picture from frame to frame = M (angles turned in between) + drift

is a linear regression for each offset. Its residual shows whether the gyroscope describes this picture at all: after
electronic stabilisation, or in a gimbal, it may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vsdeblur.camera.path import CameraPath, splines

Array = NDArray[np.floating[Any]]

AGREES = 0.95  # of the variance of the measured shifts, that the gyroscope has to explain
_OFFSETS = np.arange(-60, 61) * 0.005  # seconds
_FEWEST = 12  # pairs of frames
_LEAST = 0.0005  # of the width: a standard deviation of the shifts below which there is nothing to compare
_RIDGE = 1e-6  # square radians
_ROUNDS = 4
_SPACING = 0.25  # periods from knot to knot of the path
_FINE = 8  # instants per knot that it is fitted to


@dataclass(frozen=True, slots=True, eq=False)
class GyroAngles:
    """What a gyroscope turned.

    Attributes:
        times: (n,) seconds, ascending.
        angles: (n, 3), radians turned since the first, about the sensor's own axes.
    """

    times: Array
    angles: Array

    @classmethod
    def of(cls, times: Array, rates: Array) -> GyroAngles:
        """rates: (n, 3) radians per second."""
        steps = (rates[1:] + rates[:-1]) / 2 * np.diff(times)[:, None]
        return cls(times, np.concatenate((np.zeros((1, 3)), np.cumsum(steps, 0))))

    def at(self, times: Array) -> Array:
        """(t, 3) at instants (t,)."""
        return np.stack([np.interp(times, self.times, angle) for angle in self.angles.T], -1)


@dataclass(frozen=True, slots=True, eq=False)
class PictureSteps:
    """How the picture moved between pairs of frames.

    Attributes:
        begin: (n,) seconds, of the first frames.
        end: (n,) seconds, of the second frames.
        moved: (n, 3): shift x and y of the picture's middle as parts of its width, turn in radians.
    """

    begin: Array
    end: Array
    moved: Array


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How a gyroscope lies to the picture.

    Attributes:
        matrix: (3, 3), from angles to (shift x, shift y, turn).
        offset: seconds that the gyroscope's clock is ahead.
        explained: part of the variance of the shifts, by fits to the other half of the pairs.
        left: root mean square of what is not explained, as a part of the width.
    """

    turning: GyroAngles
    matrix: Array
    offset: float
    explained: float
    left: float

    @property
    def agrees(self) -> bool:
        """Whether enough of the measured motion is explained."""
        return self.explained >= AGREES

    def path(self, begin: float, period: float, periods: float, size: tuple[int, int]) -> CameraPath:
        """The path from half a period before ``begin`` (seconds) on, over ``periods``; size: (height, width)."""
        height, width = size
        origin = -0.5 - _SPACING
        count = int(np.ceil((periods + 0.5 - origin) / _SPACING)) + 3
        times = np.arange(-0.5, periods + 0.5, _SPACING / _FINE)
        moved = self.turning.at(begin + self.offset + period * times) @ self.matrix.T
        moved -= moved[len(moved) // 2]
        values = torch.from_numpy(np.column_stack((moved * [width, width, 1], np.zeros(len(moved)))))
        basis = splines(torch.from_numpy(times), count, origin, _SPACING)
        knots = torch.linalg.solve(basis.T @ basis + 1e-6 * torch.eye(count, dtype=basis.dtype), basis.T @ values)
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
        return CameraPath(knots, origin, _SPACING, centre)


def align(turning: GyroAngles, steps: PictureSteps) -> Alignment | None:
    """The alignment that explains the steps best; None where they are too few or hardly move."""
    inside = (steps.begin > turning.times[0]) & (steps.end < turning.times[-1])
    moved = steps.moved[inside]
    if len(moved) < _FEWEST or moved[:, :2].std(0).max() < _LEAST:
        return None
    begin, end = steps.begin[inside], steps.end[inside]
    halves = np.arange(len(moved)) % 2 == 0
    best: Alignment | None = None
    for offset in _OFFSETS:
        turned = turning.at(end + offset) - turning.at(begin + offset)
        error = np.empty_like(moved)
        for half in (halves, ~halves):
            error[~half] = moved[~half] - _with_one(turned[~half]) @ _robust(turned[half], moved[half])
        shift = moved[:, :2] - np.median(moved[:, :2], 0)
        explained = 1 - float(np.square(error[:, :2]).sum() / np.square(shift).sum())
        if best is None or explained > best.explained:
            matrix = _robust(turned, moved)[:3].T
            best = Alignment(
                turning, matrix, float(offset), explained, float(np.sqrt(np.square(error[:, :2]).sum(1).mean()))
            )
    return best


def _with_one(turned: Array) -> Array:
    return np.column_stack((turned, np.ones(len(turned))))


def _robust(turned: Array, moved: Array) -> Array:
    """(4, 3): the matrix, transposed, and the drift, by reweighted least squares."""
    given, weight = _with_one(turned), np.ones(len(moved))
    for _ in range(_ROUNDS):
        heavy = given * weight[:, None]
        found = np.linalg.solve(heavy.T @ given + _RIDGE * np.diag([1, 1, 1, 0]), heavy.T @ moved)
        error = np.linalg.norm(moved - given @ found, axis=1)
        weight = 1 / (1 + np.square(error / max(2 * float(np.median(error)), 1e-5))) ** 2
    return np.asarray(found)
