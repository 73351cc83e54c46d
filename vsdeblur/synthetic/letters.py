"""The letters on the scene's signs, drawn from strokes: OpenCV's own fonts differ between its versions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Stroke = npt.NDArray[np.float64]  # (points, 2): x to the right, y upwards from the baseline

_HEIGHT = 21.0  # of every letter, in the units of its strokes
_BELOW = 9.0  # room that a line leaves below its baseline, in the same units
_SUBPIXELS = 8  # bits after the point that OpenCV draws with


def text_size(text: str, scale: float, thickness: int) -> tuple[int, int, int]:
    """Width, height above the baseline, and room below it, in pixels; one unit of a stroke is ``scale`` pixels."""
    width = sum(advance for advance, _ in (_LETTERS[letter] for letter in text))
    return (
        round(width * scale + thickness),
        round(_HEIGHT * scale + (thickness + 1) // 2),
        round(_BELOW * scale + thickness / 2),
    )


def draw_text(mask: npt.NDArray[np.uint8], text: str, origin: tuple[int, int], scale: float, thickness: int) -> None:
    """Draws ``text`` in 255 on ``mask`` (H, W); ``origin`` is the left end of the baseline, in pixels."""
    import cv2

    x = float(origin[0])
    for letter in text:
        advance, strokes = _LETTERS[letter]
        for stroke in strokes:
            points = (stroke * (scale, -scale) + (x, origin[1])) * 2**_SUBPIXELS
            for first, second in pairwise(points.round().astype(int).tolist()):
                cv2.line(mask, first, second, 255, thickness, cv2.LINE_8, _SUBPIXELS)
        x += advance * scale


def _line(*points: tuple[float, float]) -> Stroke:
    return np.array(points, np.float64)


def _arc(centre: tuple[float, float], radii: tuple[float, float], begin: float, end: float) -> Stroke:
    """Part of an ellipse; angles in degrees, anticlockwise from the right."""
    angles: Any = np.radians(np.linspace(begin, end, 13))
    return np.stack((np.cos(angles), np.sin(angles)), 1) * radii + centre


_STEM = _line((4.5, 0), (4.5, _HEIGHT))
_TOP_BOWL = np.concatenate((_line((4.5, 20.5)), _arc((12, 15.5), (4.5, 5), 90, -90), _line((4.5, 10.5))))
_LETTERS: dict[str, tuple[float, tuple[Stroke, ...]]] = {  # advance, strokes
    "B": (20, (_STEM, _TOP_BOWL, np.concatenate((_arc((12, 5.5), (4.5, 5), 90, -90), _line((4.5, 0.5)))))),
    "L": (17, (_STEM, _line((4.5, 0.5), (15.5, 0.5)))),
    "U": (22, (np.concatenate((_line((4.5, 21)), _arc((11, 7), (6.5, 6.5), -180, 0), _line((17.5, 21)))),)),
    "R": (20, (_STEM, _TOP_BOWL, _line((10, 10.5), (16.5, 0)))),
    "3": (20, (_arc((9.5, 15.5), (6, 5), 160, -90), _arc((9.5, 5.5), (7, 5), 90, -160))),
    "0": (20, (_arc((10, 10.5), (6.5, 10), 0, 180), _arc((10, 10.5), (6.5, 10), 180, 360))),
}
