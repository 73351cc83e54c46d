"""What the frames of a file show: repeats, cuts, and how far things move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from vsdeblur.clip.repeats import find_repeats
from vsdeblur.settings import Options

_SMALL = 320  # pixels of the longer side at which cuts, repeats and motion are measured
_PAIRS = 96  # that motion is measured on
_NEARLY = 99.5  # per cent
_SAME = 0.1  # mean difference in code values up to which nothing moves


@dataclass(frozen=True, slots=True)
class Content:
    """Of the first ``frames`` frames. Motion is in pixels of the full size per frame period.

    repeats: frames that repeat the one before. pictures_per_second: of the others, None where none repeat. motion_at:
    number of a frame, median, and what 95 in a hundred places stay below, of the motion from it to the next.
    """

    frames: int
    repeats: int
    pictures_per_second: float | None
    cuts: tuple[int, ...]
    motion_median: float
    motion_95: float
    motion_at: tuple[tuple[int, float, float], ...]


def read_content(
    frames: Iterator[av.VideoFrame], options: Options, kept: list[av.VideoFrame], rate: Fraction | None
) -> Content:
    """The content of frames of any size.

    Args:
        frames: decoded frames.
        options: what cuts are detected with.
        kept: frames of the first one's kind, filled while ``frames`` is read.
        rate: frames per second.
    """
    small = np.stack([_reduced(frame, kept[0]) for frame in frames])
    gray = small.mean(axis=3)
    repeats = find_repeats([(one / 255).astype(np.float32) for one in gray])
    same = [repeats[n] or float(np.abs(b - a).mean()) <= _SAME for n, (a, b) in enumerate(pairwise(gray), 1)]
    cuts = _cuts(small, options)
    moving = [n for n, repeated in enumerate(same) if not repeated and n + 1 not in cuts]
    chosen = moving[:: max(1, len(moving) // _PAIRS)]
    motion = _motion(gray.astype(np.uint8), chosen) * (kept[0].width / small.shape[2])
    middle, most = np.percentile(motion, (50, 95)) if motion.size else (0.0, 0.0)
    fresh = float(rate) * (1 - sum(repeats) / len(small)) if rate and any(repeats) else None
    halves, mosts = np.percentile(motion, (50, 95), axis=(1, 2)) if motion.size else ((), ())
    course = tuple(zip(chosen, map(float, halves), map(float, mosts), strict=True))
    return Content(len(small), sum(repeats), fresh, tuple(sorted(cuts)), float(middle), float(most), course)


def motion_between(first: av.VideoFrame, second: av.VideoFrame) -> tuple[float, float] | None:
    """Median, and what 95 in a hundred places stay below, of the motion between two frames, pixels of the full size.

    None where they show the same, or one opens a scene.
    """
    small = np.stack([_reduced(frame, first) for frame in (first, second)])
    gray = small.mean(axis=3)
    if float(np.abs(gray[1] - gray[0]).mean()) <= _SAME or _cuts(small, Options()):
        return None
    found = np.percentile(_motion(gray.astype(np.uint8), [0]), (50, 95)) * (first.width / small.shape[2])
    return float(found[0]), float(found[1])


def _reduced(frame: av.VideoFrame, first: av.VideoFrame) -> npt.NDArray[np.uint8]:
    scale = min(1.0, _SMALL / max(first.width, first.height))
    width, height = (max(16, round(scale * length)) for length in (first.width, first.height))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def _cuts(small: npt.NDArray[np.uint8], options: Options, window: int = 32) -> frozenset[int]:
    """The engine's own detector over windows that share one frame, since a cut is a property of two."""
    import torch

    from vsdeblur.clip.cuts import find_cuts
    from vsdeblur.colour.transfer import to_linear
    from vsdeblur.device import single_thread

    found: frozenset[int] = frozenset()
    with single_thread():
        for start in range(0, max(len(small) - 1, 1), window):
            part = torch.from_numpy(small[start : start + window + 1]).permute(0, 3, 1, 2).float() / 255
            frames = to_linear(part, options.transfer or "bt709").contiguous()
            found |= find_cuts(frames, start)
    return found


def _motion(gray: npt.NDArray[np.uint8], pairs: Sequence[int]) -> npt.NDArray[Any]:
    """Lengths of the flow between frames n and n + 1, for all n in ``pairs``."""
    import cv2

    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flows = [dis.calc(gray[n], gray[n + 1], None)[::4, ::4] for n in pairs]
    return np.linalg.norm(np.stack(flows), axis=-1) if flows else np.empty(0)


def reach(frames: Sequence[av.VideoFrame]) -> float:
    """How far nearly everything moves in a period, pixels."""
    gray = np.stack([_reduced(frame, frames[0]) for frame in frames]).mean(axis=3).astype(np.uint8)
    motion = _motion(gray, range(len(gray) - 1))
    return float(np.percentile(motion, _NEARLY) * frames[0].width / gray.shape[2]) if motion.size else 0.0
