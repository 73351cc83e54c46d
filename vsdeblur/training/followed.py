"""Paths of points through the sharp sub-frames of real footage: what stands for the truth where nobody knows it.

From sub-frame to sub-frame things move by a pixel or so, which flow between sharp pictures finds almost without error;
these steps are added up along the way (as in Brox and Malik, ECCV 2010). A path is known up to where the sub-frame,
moved back along it, is still the picture that it began with, and where flow from end to end agrees.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vsdeblur.training.drawing import PATH_TAUS
from vsdeblur.training.oversample import moved
from vsdeblur.training.stretches import Stretch

_SAME = 12.0  # code values, mean over 3x3 pixels, by which the picture at the end may differ from the one at the start
_DRIFT = 1.0  # pixels by which flow from end to end may differ from the steps' sum


class Followed(NamedTuple):
    """Paths of what is seen in the middle of a stretch, at half resolution.

    Attributes:
        paths: (6, 2, h, w) float16, how far it has moved at PATH_TAUS, pixels.
        known: (6, h, w) bool, where that can be said.
        seen: (2, h, w) bool, whether it is still seen one period later and earlier.
    """

    paths: Tensor
    known: Tensor
    seen: Tensor


def followed(stretch: Stretch) -> Followed:
    """The paths of the picture in the middle of ``stretch``."""
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)  # at half resolution, its default, what moves beside a small thing drags it along
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in stretch.frames]
    middle, per = len(grey) // 2, stretch.per
    paths: dict[float, Any] = {}
    known: dict[float, npt.NDArray[np.bool_]] = {}
    for side in (-1, 1):
        steps = [np.zeros((*grey[0].shape, 2), np.float32)]
        for k in range(per):
            a, b = middle + side * k, middle + side * (k + 1)
            steps.append(steps[-1] + moved(np.asarray(dis.calc(grey[a], grey[b], None)), steps[-1]))
        for tau in (x for x in PATH_TAUS if x * side > 0):
            at = abs(tau) * per
            before = min(int(at), per - 1)
            paths[tau] = steps[before] + (at - before) * (steps[before + 1] - steps[before])
            known[tau] = _known(dis, stretch.frames, grey, steps, middle, side * round(at))
    shape = [x // 2 for x in grey[0].shape]
    way = np.stack([_halved(paths[tau]) for tau in PATH_TAUS]).transpose(0, 3, 1, 2)
    sure = np.stack([_halved(known[tau].astype(np.float32)) > 0.99 for tau in PATH_TAUS])
    assert way.shape[-2:] == tuple(shape)
    certain = torch.from_numpy(sure)
    return Followed(torch.from_numpy(way).half().contiguous(), certain, certain[[-1, 0]].contiguous())


def _known(
    dis: Any, frames: npt.NDArray[np.uint8], grey: list[Any], steps: list[Any], middle: int, by: int
) -> npt.NDArray[np.bool_]:
    """(H, W): whether ``steps[|by|]`` leads from the middle to the sub-frame ``by`` further on."""
    way = steps[abs(by)]
    back = moved(frames[middle + by], way)
    difference = cv2.blur(np.abs(back.astype(np.float32) - frames[middle]).mean(-1), (3, 3))
    drift = np.linalg.norm(dis.calc(grey[middle], cv2.cvtColor(back, cv2.COLOR_RGB2GRAY), None), axis=-1)
    height, width = way.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    at_x, at_y = x + way[..., 0], y + way[..., 1]
    inside = (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)
    found: npt.NDArray[np.bool_] = inside & (difference < _SAME) & (drift < _DRIFT)
    return found


def _halved(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of each 2x2 pixels."""
    height, width = values.shape[:2]
    mean: npt.NDArray[np.float32] = values.reshape(height // 2, 2, width // 2, 2, *values.shape[2:]).mean((1, 3))
    return mean
