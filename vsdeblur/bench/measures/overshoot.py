"""Overshoot: how far restored values leave the range of the input along the motion.

Blur is a mean along the path of motion, so an edge between two areas that are wider than the blur is, in the blurry
frame, a ramp between their values: rims, halos and speckles lie outside of the range that the input has there. For
the instant k and pixel x

    lo_k(x), hi_k(x) = least and greatest v_n(x + (t_n - t_k + tau) phi(x)) over n, tau, and v_n(x),
                       over the 3 x 3 pixels around x,      n: the two exposures nearest to k, |tau| <= shutter / 2
    overshoot        = mean over k, channels and moving x of max(lo_k - u_k, u_k - hi_k, 0)          in code values

with the times in periods, t_n the middle of an exposure, and phi the motion per period, both that found from the
earlier frame and that from the later one. The input itself, repeated, has none. Details that are smaller than the blur
are truly stronger than the input shows them: where the true frame is known, its own values are in the range too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.bench.measures.motion import BlurryMotion, Flow, Mask
from vsdeblur.bench.protocol import Frames

_AROUND = np.ones((3, 3), np.uint8)
_MOST = 9  # places along an exposure's path


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """What the input shows around an instant: the least and the greatest value, (H, W, 3)."""

    least: Frames
    greatest: Frames

    def with_truth(self, sharp: Frames) -> Range:
        """The range that has the values of the true frame (H, W, 3), over 3 x 3 pixels, as well."""
        return Range(
            np.minimum(self.least, np.asarray(cv2.erode(sharp, _AROUND), np.uint8)),
            np.maximum(self.greatest, np.asarray(cv2.dilate(sharp, _AROUND), np.uint8)),
        )

    def left_by(self, u: Frames) -> npt.NDArray[np.float32]:
        """By how many code values a picture (H, W, 3) is outside of the range, 0 within."""
        values, least, greatest = (picture.astype(np.float32) for picture in (u, self.least, self.greatest))
        beyond: npt.NDArray[np.float32] = np.maximum(np.maximum(least - values, values - greatest), 0)
        return beyond


def instant(k: int, factor: int, shutter: float) -> float:
    """When output k of ``factor`` a period is, in periods from the middle of the first exposure."""
    return (k + 0.5) / factor - shutter / 2


def input_range(blurry: Frames, motion: BlurryMotion, at: float) -> Range:
    """The range of the input (N, H, W, 3) around an instant, in periods from the middle of the first exposure."""
    first = min(max(math.floor(at), 0), len(blurry) - 2)
    least, greatest = blurry[first : first + 2].min(axis=0), blurry[first : first + 2].max(axis=0)
    for flow in (motion.ahead[first], -motion.back[first]):
        longest = float(np.linalg.norm(flow, axis=-1).max()) * motion.shutter
        places = np.linspace(-0.5, 0.5, min(_MOST, 2 * math.ceil(longest / 2) + 1)) * motion.shutter
        for n in (first, first + 1):
            for tau in places:
                seen = _moved(blurry[n], flow * np.float32(n - at + tau))
                least, greatest = np.minimum(least, seen), np.maximum(greatest, seen)
    return Range(np.asarray(cv2.erode(least, _AROUND), np.uint8), np.asarray(cv2.dilate(greatest, _AROUND), np.uint8))


def overshoot(restored: Sequence[Frames] | Frames, ranges: Sequence[Range], moving: Mask) -> float:
    """Mean over frames, channels and moving pixels, in code values; 0 where nothing moves."""
    if not moving.any():
        return 0.0
    return float(np.mean([one.left_by(u)[moving].mean() for u, one in zip(restored, ranges, strict=True)]))


def _moved(picture: Frames, flow: Flow) -> npt.NDArray[Any]:
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
