"""Random smooth movement: spline paths in time and the homographies that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from vsdeblur.camera.path import splines

Array = npt.NDArray[np.float64]

FIRST, LAST = -2.0, 2.0  # periods around the middle exposure that a path is defined on


@dataclass(frozen=True, slots=True)
class Spline:
    """A uniform cubic B-spline: twice continuously differentiable, through nothing in particular.

    Args:
        points: (knots, n) control points, the first one at FIRST - spacing.
        spacing: Of the knots, periods.
    """

    points: Array
    spacing: float

    def __call__(self, t: Array) -> Array:
        """(len(t), n) values at instants t, periods."""
        times = torch.from_numpy(np.asarray(t, np.float64))
        weights: Array = splines(times, len(self.points), FIRST - self.spacing, self.spacing).numpy()
        values: Array = weights @ self.points
        return values


def random_spline(rng: np.random.Generator, speed: Array, jitter: float) -> Spline:
    """A path that moves by about ``speed`` (n,) per period, its control points displaced by ``jitter`` of that.

    Args:
        rng: All that is random.
        speed: (n,) per period.
        jitter: 0 is uniform motion; 1 changes speed and direction within a period: a shaken camera.
    """
    spacing = float(rng.choice([0.5, 0.75, 1.0, 1.5]))
    knots = int(np.ceil((LAST - FIRST) / spacing)) + 4
    times = FIRST + spacing * (np.arange(knots) - 1)
    direction = rng.normal(size=len(speed))
    steady = times[:, None] * (speed * direction)
    # A random walk bends slowly, displaced points shake.
    loose = rng.normal(size=(knots, len(speed))) * (speed * jitter)
    walk = np.cumsum(loose, 0) * spacing if rng.random() < 0.5 else loose * min(spacing, 1.0)
    return Spline(steady + walk, spacing)


def homographies(values: Array, centre: tuple[float, float]) -> Array:
    """(T, 3, 3) from (T, 6): shift x, y in pixels, turn in radians, log zoom, tilt x, y per pixel; about centre."""
    x, y, turn, zoom, tilt_x, tilt_y = values.T
    scale = np.exp(zoom)
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    one, nil = np.ones_like(x), np.zeros_like(x)
    middle = np.stack([c, -s, x, s, c, y, tilt_x, tilt_y, one], -1).reshape(-1, 3, 3)
    to_centre = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]])
    back = np.stack([one, nil, centre[0] * one, nil, one, centre[1] * one, nil, nil, one], -1).reshape(-1, 3, 3)
    total: Array = back @ middle @ to_centre
    return total


def apply(matrices: Array, points: Array) -> Array:
    """(T, P, 2): points (P, 2) through each of the homographies (T, 3, 3)."""
    ones = np.ones((len(points), 1))
    moved = np.concatenate((points, ones), 1) @ matrices.transpose(0, 2, 1)
    plane: Array = moved[..., :2] / moved[..., 2:]
    return plane
