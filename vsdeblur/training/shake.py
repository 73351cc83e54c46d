"""How a hand shakes a camera during one exposure: random rotations of the camera, as homographies."""

from __future__ import annotations

import numpy as np

from vsdeblur.training.paths import Array, apply

STEPS = 49  # instants of an exposure


def random_shake(rng: np.random.Generator, size: tuple[int, int], extent: float, steps: int = STEPS) -> Array:
    """(steps, 3, 3) homographies of one exposure: at instant t, pixel x of the picture sees the sharp one at H_t x.

    The camera turns about its three axes along a smooth random path (pitch and yaw a few times more than roll) and
    the scene shifts a little; the path's mean at the middle of the picture is no shift, so that the sharp picture and
    the blurry one lie on each other.

    Args:
        rng: All that is random.
        size: (height, width).
        extent: Pixels, the longest way across what any of the middle and the corners sweeps over.
        steps: Instants of the exposure.
    """
    height, width = size
    focal = float(rng.uniform(0.8, 2.0)) * max(size)
    path = _tremor(rng, steps)  # yaw, pitch, roll
    path[:, 2] *= float(rng.uniform(0.0, 1.0)) * 2 * focal / max(size)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    points = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1], middle])
    scale = 1.0 / focal
    for _ in range(4):  # rotations are not linear in their angles, but nearly
        found = _homographies(path * scale, focal, middle)
        scale *= extent / max(_across(apply(found, points)), 1e-9)
    found = _homographies(path * scale, focal, middle)
    drift = apply(found, middle[None])[:, 0].mean(0) - middle
    back = np.array([[1, 0, -drift[0]], [0, 1, -drift[1]], [0, 0, 1.0]])
    shifted: Array = back @ found
    return shifted


def _across(ways: Array) -> float:
    """The largest distance between two instants' positions, of ways (T, P, 2)."""
    return float(max(np.linalg.norm(way[:, None] - way[None], axis=-1).max() for way in ways.swapaxes(0, 1)))


def _tremor(rng: np.random.Generator, steps: int) -> Array:
    """(steps, 3): inertial random walks, from nearly straight to winding."""
    fine = 4 * steps
    winding = float(np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
    speed = rng.normal(size=3)
    way = np.zeros((fine, 3))
    for k in range(1, fine):
        speed = speed * (1 - winding / 8) + rng.normal(size=3) * np.sqrt(winding / 4)
        if rng.random() < 0.25 * winding / steps * 4:  # a jerk, now and then
            speed = rng.normal(size=3) * 1.5
        way[k] = way[k - 1] + speed
    way = way[2::4] - way.mean(0)
    spread = np.abs(way[:, :2]).max()
    normal: Array = way / max(spread, 1e-9)
    return normal


def _homographies(angles: Array, focal: float, middle: Array) -> Array:
    """K R K^-1 of (T, 3) yaw, pitch and roll, radians."""
    yaw, pitch, roll = angles.T
    one, nil = np.ones_like(yaw), np.zeros_like(yaw)

    def turn(*rows: Array) -> Array:
        return np.stack(rows, -1).reshape(-1, 3, 3)

    about_y = turn(np.cos(yaw), nil, np.sin(yaw), nil, one, nil, -np.sin(yaw), nil, np.cos(yaw))
    about_x = turn(one, nil, nil, nil, np.cos(pitch), -np.sin(pitch), nil, np.sin(pitch), np.cos(pitch))
    about_z = turn(np.cos(roll), -np.sin(roll), nil, np.sin(roll), np.cos(roll), nil, nil, nil, one)
    lens = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1.0]])
    found: Array = lens @ about_y @ about_x @ about_z @ np.linalg.inv(lens)
    return found
