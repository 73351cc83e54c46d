"""Blurry pictures with known truth, for the benchmarks of per-frame deblurring.

All are made from photographs that were never trained on, with what truly lies around the picture, values as they are,
and white noise. A shaken camera's blur is an integral over cells of time: the path is refined until an instant moves
by at most 0.4 px, and every instant samples the photograph after threefold Lanczos enlargement. So no operator under
test made its own input: those have fewer instants and interpolate between the picture's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vsdeblur.flow.warp import sample
from vsdeblur.training.paths import Array, apply
from vsdeblur.training.photos import find_photos, read_photo
from vsdeblur.training.shake import random_shake

FINE = 3  # enlargement of the photograph that is sampled
FINEST = 0.4  # pixels that an instant of the truth stands for, at most
CUT = 16  # pixels left out on every side where the interior is scored
SHAKES = (5.0, 25.0)  # px, extents
LEVIN = (13, 27)  # px, sides of kernels
EXTREME = (40.0, 80.0)  # px, extents
DARK = (0.15, 0.4)  # of the values of the photograph, with noise of DARK_NOISE
DARK_NOISE, NOISY = (0.008, 0.02), (0.03, 0.06)
WIDE = 64  # px around the picture in which the matte of a plane is known
STRAIGHT = (10.0, 30.0)  # px, ways of things that move before a still camera


@dataclass(frozen=True, slots=True, eq=False)
class Blurred:
    """sharp, blurry: (1, C, H, W). sigma: of the noise in blurry. extent: px, the longest way of any pixel.

    path: (T, 3, 3), pixel x of blurry sees sharp at path_t x, all instants equally long; kernel: (n, n), correlated.
    One of the two is None.
    """

    name: str
    sharp: Tensor
    blurry: Tensor
    sigma: float
    extent: float
    path: Array | None = None
    kernel: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TwoPlanes(Blurred):
    """paths: of the far plane and of the near one. mattes: (1, H + 2 WIDE, W + 2 WIDE), of the near one at rest."""

    paths: list[Array] = field(default_factory=list)
    mattes: Tensor = field(default_factory=lambda: torch.zeros(0))


def held_out(folder: Path, count: int) -> list[Path]:
    """``count`` of the photographs that no training sees, spread evenly over their names."""
    return spread(find_photos(folder)[1], count)


def spread(paths: list[Path], count: int) -> list[Path]:
    return [paths[k] for k in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]


def shaken(
    photos: list[Path], size: int = 256, extents: tuple[float, float] = SHAKES, sigma: float = 0.01, seed: int = 11
) -> Iterator[Blurred]:
    """One picture of each photograph, extents spread evenly and mixed."""
    rng = np.random.default_rng(seed)
    for path, extent in zip(photos, rng.permutation(np.linspace(*extents, len(photos))), strict=True):
        own = np.random.default_rng([seed, *path.stem.encode()])
        photo, corner = _place(path, size, own)
        shake = random_shake(own, (size, size), float(extent))
        blurry = exposure(photo, corner, (size, size), shake)
        sharp = _tensor(photo[corner[1] : corner[1] + size, corner[0] : corner[0] + size])
        yield Blurred(path.stem, sharp, _noisy(blurry, sigma, own), sigma, float(extent), path=shake)


def dark_or_noisy(photos: list[Path], size: int = 256, seed: int = 15) -> Iterator[Blurred]:
    """As ``shaken``: every other picture darker, with the noise of such an exposure, the rest with much noise."""
    rng = np.random.default_rng(seed)
    for k, path in enumerate(photos):
        (clean,) = shaken([path], size, (float(rng.uniform(*SHAKES)),) * 2, 0.0, seed)
        factor = 1.0 if k % 2 else float(rng.uniform(*DARK))
        sigma = float(rng.uniform(*(NOISY if k % 2 else DARK_NOISE)))
        own = np.random.default_rng([seed, 1, *path.stem.encode()])
        blurry = _noisy(clean.blurry * factor, sigma, own)
        yield replace(clean, sharp=clean.sharp * factor, blurry=blurry, sigma=sigma)


def whole(photos: list[Path], extent: float, sigma: float = 0.01, seed: int = 14) -> Iterator[Blurred]:
    """Photographs as large as they are, but for a border of WIDE / 2 px; extent 0 for sharp ones."""
    for path in photos:
        own = np.random.default_rng([seed, *path.stem.encode()])
        photo = read_photo(path).astype(np.float32) / 255
        cut = WIDE // 2
        size = photo.shape[0] - 2 * cut, photo.shape[1] - 2 * cut
        shake = random_shake(own, size, extent)
        sharp = _tensor(photo[cut:-cut, cut:-cut])
        blurry = exposure(photo, (cut, cut), size, shake) if extent else sharp
        yield Blurred(path.stem, sharp, _noisy(blurry, sigma, own), sigma, extent, path=shake)


def levin_kind(photos: list[Path], size: int = 255, sigma: float = 0.01, seed: int = 12) -> Iterator[Blurred]:
    """Grey pictures under one winding kernel each, of 13 to 27 px."""
    for k, path in enumerate(photos):
        own = np.random.default_rng([seed, *path.stem.encode()])
        first, last = LEVIN
        n = first + 2 * (k * ((last - first) // 2 + 1) // len(photos))
        photo, (x, y) = _place(path, size, own)
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        kernel = winding_kernel(own, n)
        seen = cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)  # filter2D correlates
        cut = np.s_[y : y + size, x : x + size]
        blurry = _noisy(_tensor(seen[cut]), sigma, own)
        yield Blurred(path.stem, _tensor(grey[cut]), blurry, sigma, float(n), kernel=torch.from_numpy(kernel))


def two_planes(
    photos: list[Path], size: int = 512, extents: tuple[float, float] = EXTREME, sigma: float = 0.005, seed: int = 13
) -> Iterator[TwoPlanes]:
    """An object cut out of each photograph before the next one, each plane shaken in its own way."""
    for k, (near, far) in enumerate(zip(photos, [*photos[1:], photos[0]], strict=True)):
        own = np.random.default_rng([seed, *near.stem.encode()])
        extent = float(np.linspace(*extents, len(photos))[k])
        paths = [random_shake(own, (size, size), e) for e in (extent, own.uniform(*extents))]
        scenes = [_place(path, size, own) for path in (far, near)]
        matte = _outline(own, (size / 2, size / 2), size * 0.3)
        blurry, sharp = (_composed(scenes, instants, matte, size) for instants in (paths, [np.eye(3)[None]] * 2))
        wide = _around(matte, size)
        yield TwoPlanes(near.stem, sharp, _noisy(blurry, sigma, own), sigma, extent, paths=paths, mattes=wide)


def moving(
    photos: list[Path], size: int = 256, extents: tuple[float, float] = STRAIGHT, sigma: float = 0.01, seed: int = 16
) -> Iterator[TwoPlanes]:
    """An object cut out of each photograph goes straight before the next one, which stands still."""
    for k, (near, far) in enumerate(zip(photos, [*photos[1:], photos[0]], strict=True)):
        own = np.random.default_rng([seed, *near.stem.encode()])
        extent, angle = float(np.linspace(*extents, len(photos))[k]), float(own.uniform(0, np.pi))
        count = int(np.ceil(extent / FINEST))
        way = ((np.arange(count) + 0.5) / count - 0.5)[:, None] * extent * np.array([np.cos(angle), np.sin(angle)])
        paths = [np.tile(np.eye(3), (count, 1, 1)) for _ in range(2)]
        paths[1][:, :2, 2] = way
        scenes = [_place(path, size, own) for path in (far, near)]
        middle = own.uniform(0.35 * size, 0.65 * size, 2)
        matte = _outline(own, (float(middle[0]), float(middle[1])), float(own.uniform(0.18, 0.3)) * size)
        blurry, sharp = (_composed(scenes, instants, matte, size) for instants in (paths, [np.eye(3)[None]] * 2))
        wide = _around(matte, size)
        yield TwoPlanes(near.stem, sharp, _noisy(blurry, sigma, own), sigma, extent, paths=paths, mattes=wide)


def _outline(
    rng: np.random.Generator, middle: tuple[float, float], radius: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The matte of a wavy disc, of x and y."""
    outline = rng.normal(0, 0.08, (2, 3))

    def matte(x: Tensor, y: Tensor) -> Tensor:
        angle = torch.atan2(y - middle[1], x - middle[0])
        waves = sum(float(outline[0, n]) * torch.cos((n + 2) * angle + 20 * float(outline[1, n])) for n in range(3))
        return (radius * (1 + waves) - torch.hypot(x - middle[0], y - middle[1]) + 0.5).clamp(0, 1)

    return matte


def _around(matte: Callable[[Tensor, Tensor], Tensor], size: int) -> Tensor:
    """(1, size + 2 WIDE, size + 2 WIDE): a matte with what lies around the picture."""
    at = torch.arange(-WIDE, size + WIDE, dtype=torch.float32)
    return matte(at[None, :], at[:, None])[None]


def _composed(
    scenes: list[tuple[Array, tuple[int, int]]],
    paths: list[Array],
    matte: Callable[[Tensor, Tensor], Tensor],
    size: int,
) -> Tensor:
    """The mean over the instants of the near plane, by its matte, before the far one."""
    step = max(np.linalg.norm(np.diff(_sway(path, (size, size)), axis=0), axis=-1).max(initial=0) for path in paths)
    times = max(1, int(np.ceil(step / (2 * FINEST))))
    views = [_View.of(photo, corner, (size, size), path) for (photo, corner), path in zip(scenes, paths, strict=True)]
    total = torch.zeros(1, 3, size, size)
    instants = list(zip(*(between(path, times) for path in paths), strict=True))
    for far, near in instants:
        x, y = positions(near, (size, size))
        total += torch.lerp(views[0](far), views[1](near), matte(x, y))
    return total / len(instants)


def winding_kernel(rng: np.random.Generator, n: int) -> Array:
    """(n, n) float32, summing to 1: the way of a shaken camera's middle pixel, of extent n - 3, boxed in."""
    way = apply(refined(random_shake(rng, (256, 256), n - 3.0), (256, 256)), np.array([[127.5, 127.5]]))[:, 0]
    way = way - (way.min(0) + way.max(0)) / 2 + n // 2
    kernel = np.zeros((n, n))
    whole = np.floor(way).astype(int)
    part = way - whole
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            np.add.at(kernel, (whole[:, 1] + dy, whole[:, 0] + dx), share)
    return (kernel / kernel.sum()).astype(np.float32)


def exposure(photo: Array, corner: tuple[int, int], size: tuple[int, int], path: Array) -> Tensor:
    """(1, 3, H, W): the mean of what the picture at ``corner`` (x, y) of the photograph sees along the path."""
    view = _View.of(photo, corner, size, path)
    instants = refined(path, size)
    total = torch.zeros(1, 3, *size)
    for instant in instants:
        total += view(instant)
    return total / len(instants)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What a picture of ``size`` at a corner of a photograph sees through a homography. scene: enlarged by FINE."""

    scene: Tensor
    offset: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def of(cls, photo: Array, corner: tuple[int, int], size: tuple[int, int], path: Array) -> _View:
        reach = 2 + int(np.ceil(np.abs(_sway(path, size)).max()))
        x, y = corner
        top, left = max(y - reach, 0), max(x - reach, 0)
        around = photo[top : y + size[0] + reach, left : x + size[1] + reach]
        wide = cv2.resize(around, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LANCZOS4)
        return cls(_tensor(wide), (x - left, y - top), size)

    def __call__(self, matrix: Array) -> Tensor:
        height, width = self.scene.shape[-2:]
        x, y = positions(matrix, self.size)
        x, y = ((p + (first + 0.5)) * FINE - 0.5 for p, first in zip((x, y), self.offset, strict=True))
        return sample(self.scene, torch.stack((x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1), -1)[None])


def positions(matrix: Array, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """x and y, (H, W), of every pixel through a homography (3, 3)."""
    m = torch.from_numpy(matrix.astype(np.float32))
    down, across = (torch.arange(n, dtype=torch.float32) for n in size)
    x, y, depth = (row[0] * across[None, :] + row[1] * down[:, None] + row[2] for row in m)
    return x / depth, y / depth


def refined(path: Array, size: tuple[int, int], step: float = FINEST) -> Array:
    """The path at more instants, each moving by at most ``step`` px; every given one stands for its share of time."""
    longest = np.linalg.norm(np.diff(_sway(path, size), axis=0), axis=-1).max()
    return between(path, max(1, int(np.ceil(longest / step))))


def between(path: Array, times: int) -> Array:
    """``times`` instants for each of a path."""
    if len(path) == 1:
        return path
    count = len(path) * times
    at = (np.arange(count) + 0.5) * len(path) / count - 0.5
    low = np.clip(np.floor(at).astype(int), 0, len(path) - 2)
    share = (at - low)[:, None, None]
    fine: Array = path[low] * (1 - share) + path[low + 1] * share
    return fine


def _sway(path: Array, size: tuple[int, int]) -> Array:
    """(T, 4, 2): how far the corners are moved."""
    height, width = size
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1.0]])
    moved: Array = apply(path, corners) - corners
    return moved


def _place(path: Path, size: int, rng: np.random.Generator) -> tuple[Array, tuple[int, int]]:
    """The photograph (H, W, 3), float32 in [0, 1], halved when large (its pixels are softer), and a corner in it."""
    photo: npt.NDArray[Any] = read_photo(path)
    if min(photo.shape[:2]) >= size * 5 // 2:
        photo = cv2.resize(photo, (photo.shape[1] // 2, photo.shape[0] // 2), interpolation=cv2.INTER_AREA)
    height, width = photo.shape[:2]
    room = min(width - size, height - size) // 3
    corner = (int(rng.integers(room, width - size - room + 1)), int(rng.integers(room, height - size - room + 1)))
    return photo.astype(np.float32) / 255, corner


def _noisy(v: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    return v + sigma * torch.from_numpy(rng.normal(size=tuple(v.shape)).astype(np.float32))


def _tensor(picture: npt.NDArray[Any]) -> Tensor:
    """(1, C, H, W) of (H, W, C) or (H, W)."""
    layers = picture[..., None] if picture.ndim == 2 else picture
    return torch.from_numpy(np.ascontiguousarray(layers.transpose(2, 0, 1), np.float32))[None]
