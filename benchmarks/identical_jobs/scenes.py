"""Small moving scenes with known content, by numpy alone: a ground that pans and sways, and a fast disc before it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_TILE = 256  # pixels, period of the textures
_SAMPLES = 8  # instants that an exposure is averaged over


def film(
    frames: int = 5,
    size: tuple[int, int] = (128, 96),
    *,
    seed: int = 1,
    speed: float = 5.0,
    sway: float = 0.0,
    shutter: float = 0.5,
    readout: float = 0.0,
    noise: float = 0.0,
    light: float = 0.9,
    lamp: float = 0.0,
    cuts: tuple[int, ...] = (),
    channels: int = 3,
) -> Array:
    """Blurry frames (N, C, H, W), float32, in linear values.

    size: width and height. speed: of the ground, pixels a frame; the disc is three times as fast. sway: amplitude of
    the camera's shake, pixels. light: of the brightest place. lamp: brightness of a small moving light, clipped at 1.
    cuts: frames that open another scene.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    rows = np.arange(height, dtype=np.float64)[:, None]
    video = np.empty((frames, channels, height, width), np.float32)
    for n in range(frames):
        scene = seed + 10 * sum(n >= cut for cut in cuts)
        opening = n + readout * rows / height
        instants = (opening + shutter * (k + 0.5) / _SAMPLES for k in range(_SAMPLES))
        picture = np.mean([_instant(t, size, scene, speed, sway, lamp / light) for t in instants], axis=0)
        picture = light * picture + noise * rng.standard_normal(picture.shape)
        video[n] = np.clip(picture, 0, 1)[:channels] if channels == 3 else np.clip(picture.mean(0), 0, 1)
    return video


def stored(light: Array) -> Array:
    """Linear light by the power 1 / 2.2, as most files store it."""
    return np.asarray(light ** (1 / 2.2), dtype=np.float32)


def integers(video: Array, bits: int, low: float = 0.0, high: float = 1.0) -> Array:
    """[0, 1] as integers of so many bits, ``low`` to ``high`` of their range."""
    top = (1 << bits) - 1
    values = np.rint((low + (high - low) * video.astype(np.float64)) * top)
    return values.clip(0, top).astype(np.uint8 if bits == 8 else np.uint16)


def halved(planes: Array) -> Array:
    """Means of 2 x 2 pixels."""
    *rest, height, width = planes.shape
    return planes.reshape(*rest, height // 2, 2, width // 2, 2).mean((-3, -1))


def ycbcr(rgb: Array) -> tuple[Array, Array, Array]:
    """Limited-range BT.709 planes in [0, 1] of their integer range, from (..., 3, H, W)."""
    r, g, b = (rgb[..., k, :, :].astype(np.float64) for k in range(3))
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return (
        (16 + 219 * luma) / 255,
        (128 + 224 * (b - luma) / 1.8556) / 255,
        (128 + 224 * (r - luma) / 1.5748) / 255,
    )


def shaken(size: tuple[int, int], seed: int = 1, length: float = 9.0, channels: int = 3) -> Array:
    """One picture (C, H, W) under a bent path of ``length`` pixels in all."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    turns = np.linspace(-0.5, 0.5, 24)
    views = [_look_up(seed, x + length * t, y + 0.6 * length * t * t + 0.3 * length * t) for t in turns]
    return np.asarray(np.mean(views, axis=0)[:channels], np.float32)


def _instant(t: Array, size: tuple[int, int], seed: int, speed: float, sway: float, lamp: float) -> Array:
    """(3, H, W) at the instants t (H, 1), one a row."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    shake_x, shake_y = sway * np.sin(2.3 * t + 0.4), sway * np.cos(3.1 * t)
    ground = _look_up(seed, x + speed * t + shake_x, y + 0.4 * speed * t + shake_y)
    middle_x = (0.8 * width - 3 * speed * t) % (1.2 * width) - shake_x
    middle_y = 0.5 * height + 0.2 * height * np.sin(0.9 * t) - shake_y
    radius = 0.17 * height
    inside = np.clip(radius - np.hypot(x - middle_x, y - middle_y) + 0.5, 0, 1)
    disc = _look_up(seed + 1, 2 * (x - middle_x), 2 * (y - middle_y))
    picture = ground + inside * (disc - ground)
    if lamp:
        near = np.hypot(x - 0.3 * width - 2 * speed * t, y - 0.25 * height)
        picture = picture * 0.4 + lamp * np.clip(2.5 - near, 0, 1)
    return np.asarray(picture)


def _look_up(seed: int, x: Array, y: Array) -> Array:
    """(3, H, W): the periodic texture at those places, bilinearly."""
    texture = _texture(seed)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    u, v = x - left, y - top
    x0, x1, y0, y1 = left % _TILE, (left + 1) % _TILE, top % _TILE, (top + 1) % _TILE
    upper = texture[:, y0, x0] * (1 - u) + texture[:, y0, x1] * u
    lower = texture[:, y1, x0] * (1 - u) + texture[:, y1, x1] * u
    return np.asarray(upper * (1 - v) + lower * v)


@cache
def _texture(seed: int) -> Array:
    """(3, 256, 256) in [0.03, 1], with the spectrum of photographs and some hard edges."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(_TILE)[:, None], np.fft.fftfreq(_TILE)[None]
    fall = 1 / (np.hypot(fy, fx) + 0.01) ** 1.6
    waves = np.fft.ifft2(np.fft.fft2(rng.standard_normal((4, _TILE, _TILE))) * fall).real
    grey, tint = waves[:1] / waves[:1].std(), waves[1:] / waves[1:].std((1, 2), keepdims=True)
    picture = grey + 0.3 * tint + 0.8 * np.sign(grey - 0.3)
    low, high = picture.min(), picture.max()
    return np.asarray(0.03 + 0.97 * (picture - low) / (high - low))
