"""Random dynamic scenes: a photograph seen by a moving camera, and pieces of others that move before it.

A scene is a pure function of (photographs, seed, number). Every layer is a plane under a homography that changes
smoothly in time, so the true path of every pixel is known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vsdeblur.training.paths import Array, Spline, apply, homographies, random_spline
from vsdeblur.training.photos import Image, read_photo

_FLAT = 12.0  # code values: a piece that varies less shows no motion; another is looked for

Texture = npt.NDArray[np.float32]  # (h, w, 3) light, or (h, w, 4) premultiplied by its alpha


@dataclass(frozen=True, slots=True)
class SceneLayer:
    """A plane: its texture and where its texture's pixels lie on the screen at any instant.

    Args:
        texture: (h, w, 3) light, or (h, w, 4) premultiplied by its alpha.
        camera: The path of the camera that it is seen by.
        own: Its own path in pixels, radians and log zoom; None for the background.
        place: Homography from texture to screen pixels while nothing has moved.
        middle: That it turns and zooms about, screen pixels.
        size: Of the screen, pixels per side.
    """

    texture: Texture
    camera: Spline
    own: Spline | None
    place: Array
    middle: tuple[float, float]
    size: int

    def matrices(self, t: Array) -> Array:
        """(T, 3, 3): texture -> screen at instants t."""
        seen = homographies(self.camera(t), (self.size / 2, self.size / 2))
        if self.own is None:
            placed: Array = seen @ self.place
            return placed
        moved: Array = seen @ homographies(self.own(t), self.middle) @ self.place
        return moved

    def displacements(self, points: Array, t: Array) -> Array:
        """(T, P, 2): how far the screen points (P, 2) of instant 0 have moved at t."""
        now = self.matrices(t) @ np.linalg.inv(self.matrices(np.zeros(1)))
        return apply(now, points) - points


@dataclass(frozen=True, slots=True)
class LayeredScene:
    """layers: from the back to the front. gamma: stored values = light ** (1 / gamma)."""

    layers: tuple[SceneLayer, ...]
    size: int
    gamma: float


def random_scene(
    rng: np.random.Generator, photos: Sequence[Path], size: int = 192, fastest: float = 20.0
) -> LayeredScene:
    """A scene of size x size pixels: still to about ``fastest`` pixels of motion per period at 192, even to erratic."""
    gamma = float(rng.choice([1.0, 1.0, 1.8, 2.2, 2.4]))
    brightness = float(rng.uniform(1.0, 2.0)) if rng.random() < 0.2 else 1.0  # highlights that clip
    most = fastest * size / 192

    def light(picture: Image) -> Texture:
        return np.asarray((picture.astype(np.float32) / 255) ** gamma * brightness, np.float32)

    speed = _speed(rng, most) if rng.random() < 0.9 else 0.0
    jitter = float(rng.choice([0.0, 0.1, 0.3, 0.8]))
    camera = _camera(rng, speed, jitter, size)
    layers = [_background(light(photo_crop(rng, photos, 2 * size)), camera, size)]
    for _ in range(int(rng.choice([0, 1, 1, 2, 3, 4]))):
        layers.append(_object(rng, light, photos, camera, size, most))
    return LayeredScene(tuple(layers), size, gamma)


def _speed(rng: np.random.Generator, most: float) -> float:
    return float(np.exp(rng.uniform(np.log(0.05 * most), np.log(most))))


def _camera(rng: np.random.Generator, speed: float, jitter: float, size: int) -> Spline:
    """Shift at ``speed``, and turning, zooming and tilting that move the picture's corners by a part of it."""
    share = rng.uniform(0, 0.5, 4) * (rng.random(4) < 0.5) * speed / (size / 2)
    rates = np.array([speed, speed, share[0], share[1], share[2] / size, share[3] / size])
    rates[:2] *= 0.8
    return random_spline(rng, rates, jitter)


def _background(texture: Texture, camera: Spline, size: int) -> SceneLayer:
    place = np.eye(3)
    place[0, 2], place[1, 2] = (size - texture.shape[1]) / 2, (size - texture.shape[0]) / 2
    return SceneLayer(texture, camera, None, place, (size / 2, size / 2), size)


def _object(
    rng: np.random.Generator,
    light: Callable[[Image], Texture],
    photos: Sequence[Path],
    camera: Spline,
    size: int,
    most: float,
) -> SceneLayer:
    extent = int(size * np.exp(rng.uniform(np.log(0.08), np.log(0.9))))
    picture = photo_crop(rng, photos, max(extent, 16))
    mask = random_mask(rng, picture.shape[0])
    texture = np.concatenate((light(picture) * mask, mask), 2)
    # Nearer than the background: it follows the camera more; or it is carried along with it.
    parallax = rng.uniform(0.6, 1.8) if rng.random() < 0.7 else 0.0
    seen = Spline(camera.points * parallax, camera.spacing)
    speed = _speed(rng, most) if rng.random() < 0.75 else 0.0
    turning = rng.uniform(0, 0.15) * (rng.random() < 0.5)
    growing = rng.uniform(0, 0.06) * (rng.random() < 0.3)
    own = random_spline(rng, np.array([speed, speed, turning, growing, 0, 0]), float(rng.choice([0.0, 0.2, 0.6])))
    middle = (float(rng.uniform(0.05, 0.95) * size), float(rng.uniform(0.05, 0.95) * size))
    angle, stretch = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(-0.7, 0.7)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [stretch**0.5, stretch**-0.5]
    place = np.eye(3)
    place[:2, :2] = turn
    place[:2, 2] = np.array(middle) - turn @ (np.array(texture.shape[1::-1]) / 2)
    return SceneLayer(np.ascontiguousarray(texture, np.float32), seen, own, place, middle, size)


@lru_cache(maxsize=64)
def _photo(path: Path) -> Image:
    return read_photo(path)


def photo_crop(rng: np.random.Generator, photos: Sequence[Path], size: int) -> Image:
    """A square piece of a random photograph, made smaller by up to 3 where it is large enough, flipped at random."""
    import cv2

    for _ in range(3):
        photo = _photo(photos[int(rng.integers(len(photos)))])
        wanted = min(int(size * np.exp(rng.uniform(0, np.log(3)))), *photo.shape[:2])
        y, x = (int(rng.integers(n - wanted + 1)) for n in photo.shape[:2])
        piece = photo[y : y + wanted, x : x + wanted]
        if piece[::4, ::4].std((0, 1)).max() > _FLAT:
            break
    if wanted > size:
        piece = np.asarray(cv2.resize(piece, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return np.ascontiguousarray(piece.swapaxes(0, 1) if rng.random() < 0.3 else piece)


def random_mask(rng: np.random.Generator, size: int) -> Texture:
    """(size, size, 1): a blob, a polygon or a bar, its edge sharp or soft."""
    import cv2

    corners = int(rng.integers(3, 9)) if rng.random() < 0.4 else 64
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if corners < 64 else np.linspace(0, 2 * np.pi, 64, False)
    radius = np.ones(corners)
    for k in range(1, 6):
        radius += rng.normal() * 0.35 / k * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.2, None) / np.clip(radius, 0.2, None).max()
    thin = rng.uniform(0.15, 1.0) if rng.random() < 0.5 else 1.0
    points = np.stack((np.cos(angles), thin * np.sin(angles)), 1) * radius[:, None] * (0.46 * size) + size / 2
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = mask.astype(np.float32) / 255
    if rng.random() < 0.4:
        soft = np.asarray(cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(0.5, 2.0))), np.float32)
    return np.asarray(soft[..., None], np.float32)
