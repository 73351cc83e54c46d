"""The motion that measures of blurry clips go by: OpenCV DIS between neighbouring blurry frames.

It needs no truth and nothing of what is judged, so that it is the same for every method.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.bench.protocol import Frames

Flow = npt.NDArray[np.float32]  # (H, W, 2), pixels per period
Mask = npt.NDArray[np.bool_]  # (H, W)

MOVES = 1.0  # pixels within an exposure from which on a place counts as moving


@dataclass(frozen=True, slots=True, eq=False)
class BlurryMotion:
    """ahead[n]: from blurry frame n to n + 1; back[n]: from n + 1 to n. shutter: open part of the period."""

    ahead: tuple[Flow, ...]
    back: tuple[Flow, ...]
    shutter: float

    @classmethod
    def of(cls, blurry: Frames, shutter: float) -> BlurryMotion:
        """Of blurry frames (N, H, W, 3), N at least 2."""
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in blurry]
        flows = [(_flow(dis, a, b), _flow(dis, b, a)) for a, b in pairwise(grey)]
        ahead, back = zip(*flows, strict=True)
        return cls(tuple(ahead), tuple(back), shutter)

    @property
    def moving(self) -> Mask:
        """Where anything moves by MOVES or more within an exposure, at any time."""
        fastest = np.max([np.linalg.norm(flow, axis=-1) for flow in (*self.ahead, *self.back)], axis=0)
        found: Mask = fastest * self.shutter >= MOVES
        return found


def _flow(dis: cv2.DISOpticalFlow, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> Flow:
    return np.asarray(dis.calc(first, second, np.zeros((*first.shape, 2), np.float32)), np.float32)
