"""Where scenes open, judged from pairs of neighbouring frames only, so that every chunk sees the same cuts.

Two pictures of one scene are, up to brightness and contrast (a flash, a fade, an exposure that settles), copies of each
other moved by some flow. The score is what no flow explains, 1 - correlation after motion compensation, plus how
differently the values are spread; the second only decides where motion defeats the first, as when something large
rushes past close to the camera. Both are measured on small pictures, where blur and noise matter little.
"""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from vsdeblur.colour.display import MATCHING_EXPONENT
from vsdeblur.tensors import power

Picture = NDArray[np.float32]

EDGE = 96  # pixels on the longer side of the small pictures
# Over real frames, sharp, blurred or four times as fast: 2 of 3130 pairs of one scene lie above, 0 of 650 cuts below.
THRESHOLD = 0.7
_SPREAD_WEIGHT = 6.0
_SPREAD_MOST = 0.4  # a flash spreads values without end; it must never make a cut on its own
_SAME = 0.9  # frames that correlate like this without any motion need no flow
_FLOOR = 0.02  # contrast below which noise would dominate; in units of the picture's own white
_DARK = 0.05  # darkest display value that counts as white
_DIS_MIN_SIDE = 40  # pixels; below about 32 beside 96, OpenCV's DIS crashes the process


def find_cuts(frames: Tensor, start: int = 0) -> frozenset[int]:
    """The frames that open a scene.

    frames: (n, C, H, W) linear light, any range, C 1 or 3. start: the number in the clip of frames[0], which is itself
    never reported: nothing is known of the frame before it. Returns numbers in the clip.
    """
    pictures = [_small(frame) for frame in frames]
    return frozenset(start + n for n, (a, b) in enumerate(pairwise(pictures), 1) if score(a, b) > THRESHOLD)


def score(a: Picture, b: Picture) -> float:
    """How unlike one scene two small pictures (h, w, C) in display values are; 0 for copies, about 1 for strangers."""
    white = max(_DARK, float(np.quantile(np.concatenate((a, b)), 0.98)))
    a, b = (_centred(np.minimum(x / white, 1)) for x in (a, b))
    likeness = _likeness(a, b)
    if likeness < _SAME:
        likeness = max(likeness, _likeness(a, _moved(b, a)), _likeness(b, _moved(a, b)))
    spread = float(np.abs(np.sort(a.reshape(-1, a.shape[2]), 0) - np.sort(b.reshape(-1, b.shape[2]), 0)).mean())
    return 1 - likeness + min(_SPREAD_WEIGHT * spread, _SPREAD_MOST)


def _small(frame: Tensor) -> Picture:
    """A frame (C, H, W) as an area-averaged small picture (h, w, C) in display values."""
    height, width = frame.shape[-2:]
    scale = min(1.0, EDGE / max(height, width))
    size = max(_DIS_MIN_SIDE, round(height * scale)), max(_DIS_MIN_SIDE, round(width * scale))
    step = max(1, height // (4 * size[0]))  # four rows in each small pixel's height are as good as all of them
    small = adaptive_avg_pool2d(frame.detach()[:, ::step].float(), size)
    small = power(torch.nan_to_num(small, 0.0, 0.0, 0.0).clamp_min(0), MATCHING_EXPONENT)
    picture: Picture = np.ascontiguousarray(small.permute(1, 2, 0).cpu().numpy())
    return picture


def _centred(x: Picture) -> Picture:
    centred: Picture = x - x.mean((0, 1))
    return centred


def _likeness(a: Picture, b: Picture) -> float:
    """Correlation of two centred pictures; what lies below the floor counts as equal."""
    b = _centred(b)
    floor = _FLOOR**2
    return float(((a * b).mean() + floor) / np.sqrt(((a * a).mean() + floor) * ((b * b).mean() + floor)))


def _moved(picture: Picture, onto: Picture) -> Picture:
    """``picture`` warped along the flow from ``onto``."""
    cv2: Any = import_module("cv2")  # its stubs lack DISOpticalFlow_create

    engine = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = engine.calc(_bytes(onto), _bytes(picture), None)
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved: Any = cv2.remap(
        picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32).reshape(picture.shape)


def _bytes(x: Picture) -> NDArray[np.uint8]:
    """Grey in 8 bits, brightness and contrast normalised so that the flow follows shapes through a flash."""
    grey = x.mean(2)
    return np.asarray((grey / (grey.std() + _FLOOR) * 42 + 128).clip(0, 255), np.uint8)
