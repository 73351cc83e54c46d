"""More frames per second of sharp video, by flow between neighbours: as the REDS set was made.

Between two frames each is moved part of the way to the other and both are blended (Jiang et al. 2018, eq. 4 for the
flow at an instant between, eq. 5 for the blend without its learned parts). Where the flow there and back again does not
return to its start, or does not explain the other frame, what lies between is a guess: the share of such places says
whether a stretch is usable at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # (n, H, W, 3)
Flow = npt.NDArray[np.float32]  # (H, W, 2), pixels

_RETURNS = (0.4, 0.05)  # pixels, and share of the flow, that there and back again may miss its start by
_EXPLAINS = 16.0  # code values, mean of the channels, by which the moved frame may differ from the other


def oversampled(frames: Frames, factor: int, least: float) -> Frames | None:
    """``factor - 1`` frames between each two neighbours.

    Args:
        frames: (n, H, W, 3) sharp frames.
        factor: Frames per source frame, 1 for none between.
        least: Share of the pixels that have to be reliable between any two frames.

    Returns:
        ((n - 1) * factor + 1, H, W, 3) frames, the sources among them unchanged; None where flow is not reliable.
    """
    if factor == 1:
        return frames
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    out = [frames[0]]
    for k in range(len(frames) - 1):
        ahead, back = _flow(dis, grey[k], grey[k + 1]), _flow(dis, grey[k + 1], grey[k])
        if reliable(frames[k : k + 2], ahead, back).mean() < least:
            return None
        out += [_between(frames[k], frames[k + 1], ahead, back, j / factor) for j in range(1, factor)]
        out.append(frames[k + 1])
    return np.stack(out)


def _flow(dis: Any, first: Any, second: Any) -> Flow:
    return np.asarray(dis.calc(first, second, None), np.float32)


def reliable(pair: Frames | Sequence[Any], ahead: Flow, back: Flow) -> npt.NDArray[np.bool_]:
    """(H, W): where the flows between two frames are consistent with each other and explain the second frame."""
    missed = np.linalg.norm(ahead + moved(back, ahead), axis=-1)
    least, share = _RETURNS
    returns = missed < least + share * np.linalg.norm(ahead, axis=-1)
    difference = np.abs(moved(pair[1], ahead).astype(np.float32) - pair[0]).mean(-1)
    found: npt.NDArray[np.bool_] = returns & (cv2.blur(difference, (3, 3)) < _EXPLAINS)
    return found


def moved(picture: npt.NDArray[Any], flow: Flow) -> npt.NDArray[Any]:
    """``picture`` sampled at each pixel plus ``flow``."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _between(first: Any, second: Any, ahead: Flow, back: Flow, t: float) -> npt.NDArray[np.uint8]:
    to_first = (t * t) * back - (t * (1 - t)) * ahead
    to_second = ((1 - t) * (1 - t)) * ahead - (t * (1 - t)) * back
    both = (1 - t) * moved(first, to_first).astype(np.float32) + t * moved(second, to_second)
    return np.asarray(np.rint(both), np.uint8)
