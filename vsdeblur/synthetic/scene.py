"""A synthetic scene with known truth: a panning, zooming background and objects that pass in front of one another.

Everything is a pure function of time, so the scene can be seen at any instant; all textures are generated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.synthetic.letters import draw_text, text_size

Frames = npt.NDArray[np.uint8]  # (n, H, W, 3)
Image = npt.NDArray[np.float32]  # (H, W, 3 or 4), values in [0, 1]

_SUPERSAMPLING = 2
_STEPS = 2  # instants per sub-frame that an exposure is averaged from


class Scene:
    """The scene at ``height`` x ``width``; motion scales with the width."""

    def __init__(self, height: int, width: int, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self.height, self.width = height, width
        big = max(height, width) * _SUPERSAMPLING
        self._background = _texture(rng, 2 * big, cell=big // 24, contrast=0.8)
        size = height * _SUPERSAMPLING
        self._layers = (
            _Layer(_label(rng, size // 2, "BLUR"), _sliding(x=(0.05, 0.055), y=(0.62, -0.012), turn=0.0)),
            _Layer(_disc(rng, size // 2), _sliding(x=(0.95, -0.07), y=(0.45, 0.01), turn=0.11)),
            _Layer(_label(rng, size // 3, "30"), _sliding(x=(0.35, 0.02), y=(0.1, 0.06), turn=-0.05)),
        )

    def at(self, t: float) -> Image:
        """The scene at instant ``t``, in periods: (H, W, 3) float32."""
        import cv2

        height, width = self.height * _SUPERSAMPLING, self.width * _SUPERSAMPLING
        zoom = 1.15 + 0.012 * t
        pan = np.array([0.030 * t * width, 0.012 * np.sin(0.9 * t) * height])
        canvas = _place(self._background, np.array([width, height]) / 2 - pan, 0.004 * t, zoom, height, width)[..., :3]
        for layer in self._layers:
            x, y, angle = layer.pose(t)
            drawn = _place(layer.image, np.array([x * width, y * height]), angle, 1.0, height, width)
            canvas = canvas * (1 - drawn[..., 3:]) + drawn[..., :3]
        small = cv2.resize(canvas, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32).clip(0, 1)


def film(
    scene: Scene, periods: int, factor: int, shutter: float, encode: Callable[[Image], Image]
) -> tuple[Frames, Frames]:
    """(sharp, blurry): the scene at the instants (j + 1/2) / factor, and as a camera sees it.

    The exposure is the mean of many instants in linear light; ``encode`` turns linear light into stored values.
    sharp: (periods * factor, H, W, 3) uint8; blurry: (periods, H, W, 3) uint8.
    """

    def stored(image: Image) -> Any:
        return np.rint(encode(image) * 255).clip(0, 255).astype(np.uint8)

    steps = max(1, round(shutter * factor * _STEPS))
    sharp = [stored(scene.at((j + 0.5) / factor)) for j in range(periods * factor)]
    blurry = []
    for n in range(periods):
        light = np.mean([scene.at(n + shutter * (k + 0.5) / steps) for k in range(steps)], axis=0, dtype=np.float64)
        blurry.append(stored(light.astype(np.float32)))
    return np.stack(sharp), np.stack(blurry)


@dataclass(frozen=True, slots=True)
class _Layer:
    image: Image  # premultiplied by its alpha
    pose: Callable[[float], tuple[float, float, float]]  # t -> centre in parts of width and height, angle in radians


def _sliding(
    x: tuple[float, float], y: tuple[float, float], turn: float
) -> Callable[[float], tuple[float, float, float]]:
    return lambda t: (x[0] + x[1] * t, y[0] + y[1] * t, turn * t)


def _place(image: Image, centre: npt.NDArray[Any], angle: float, zoom: float, height: int, width: int) -> Image:
    """``image`` turned, zoomed and moved so that its middle lies at ``centre``; transparent outside."""
    import cv2

    middle = (image.shape[1] / 2, image.shape[0] / 2)
    matrix = cv2.getRotationMatrix2D(middle, float(np.degrees(angle)), zoom)
    matrix[:, 2] += centre - np.array(middle)
    drawn = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(drawn, np.float32)


def _texture(rng: np.random.Generator, size: int, cell: int, contrast: float) -> Image:
    """Noise in octaves, muted in colour, with hard-edged tiles in it, like a wall seen from afar."""
    import cv2

    total = np.zeros((size, size, 3), np.float32)
    for octave in range(6):
        n = max(2, size // cell * 2**octave // 4)
        tiles = octave in (2, 4)
        noise = rng.random((n, n, 1), np.float32) + 0.3 * rng.random((n, n, 3), np.float32)
        smooth = cv2.INTER_NEAREST if tiles else cv2.INTER_CUBIC
        total += cv2.resize(noise, (size, size), interpolation=smooth) * 0.75**octave * (1.5 if tiles else 1)
    low, high = np.percentile(total, (1, 99))
    spread = ((total - low) / (high - low)).clip(0, 1) * contrast + (1 - contrast) / 2
    return np.asarray(spread * np.array([1, 0.93, 0.8]), np.float32) ** 2


def _with_alpha(image: Image, mask: npt.NDArray[np.uint8]) -> Image:
    alpha = mask[..., None].astype(np.float32) / 255
    return np.concatenate([image[: mask.shape[0], : mask.shape[1]] * alpha, alpha], axis=2)


def _disc(rng: np.random.Generator, size: int) -> Image:
    """A textured disc with spokes, so that its turning shows."""
    import cv2

    image = _texture(rng, size, cell=size // 6, contrast=1.0)
    middle = size // 2
    for k in range(6):
        end = (int(middle + middle * np.cos(k * np.pi / 3)), int(middle + middle * np.sin(k * np.pi / 3)))
        cv2.line(image, (middle, middle), end, (0.9, 0.75, 0.1), max(2, size // 24), cv2.LINE_AA)
    mask = np.zeros((size, size), np.uint8)
    cv2.circle(mask, (middle, middle), middle - 2, 255, -1, cv2.LINE_AA)
    return _with_alpha(image, mask)


def _label(rng: np.random.Generator, size: int, text: str) -> Image:
    """A dark sign with light letters."""
    import cv2

    scale, thick = size / 60, max(2, size // 12)
    width, height, baseline = text_size(text, scale, thick)
    rows, columns = height + 2 * baseline, width + 2 * baseline
    image = _texture(rng, max(rows, columns), cell=max(4, size // 5), contrast=0.6)[:rows, :columns] * 0.25
    ink = np.zeros((rows, columns), np.uint8)
    draw_text(ink, text, (baseline, height + baseline // 2), scale, thick + round(scale))
    image = np.where(ink[..., None] > 0, np.array([0.85, 0.9, 0.8], np.float32), image)
    mask = np.zeros((rows, columns), np.uint8)
    cv2.rectangle(mask, (2, 2), (columns - 3, rows - 3), 255, -1, cv2.LINE_AA)
    return _with_alpha(image.astype(np.float32), mask)
