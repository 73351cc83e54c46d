"""The protocol: which frames of a clip are taken, and how they become blurry ones.

Blurry frame n is the plain mean of the first m of its r sharp sub-frames (stored values, no gamma), rounded to 8 bits:
"m/r". Numbers by this protocol compare with each other only, never with scores on other data sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.errors import ArgumentError, InputError

Frames = npt.NDArray[np.uint8]  # (T, H, W, 3), RGB

PERIODS = 5
_RELIABLE = 0.8  # share of the pixels where the flow between two frames has to be right to oversample a clip


@dataclass(frozen=True, slots=True)
class Clip:
    """One entry of a clip list.

    Attributes:
        path: The file.
        width: It is scaled to by area averaging, None for as it is.
        start: First frame.
        periods: Blurry frames.
        crop: (left, top, width, height) of what is taken, pixels after scaling; None for all.
        oversample: Sub-frames per frame of the clip. Those between the frames are interpolated along the flow, and do
            not count where results are scored.
    """

    path: Path
    width: int | None = None
    start: int = 0
    periods: int = PERIODS
    crop: tuple[int, int, int, int] | None = None
    oversample: int = 1

    @property
    def name(self) -> str:
        """What tables call it: the file and the first frame."""
        return f"{self.path.stem}@{self.start}"


def open_subframes(factor: int, shutter: float) -> int:
    """m, the sub-frames of r that a shutter covers; a shutter that no whole number of them makes is refused."""
    m = round(shutter * factor)
    if not 1 <= m <= factor or abs(m - shutter * factor) > 1e-6:
        raise ArgumentError("shutter", shutter, f"a multiple of 1/{factor} in (0, 1] for averaging {factor} sub-frames")
    return m


def spread_starts(start: int, frames: int, total: int, wanted: int = 3) -> list[int]:
    """``wanted`` starts spread over a clip of ``total`` frames, the given one first; that one alone in a short clip."""
    room = total - frames + 1
    if total < wanted * frames:
        return [start]
    return [(start + k * room // wanted) % room for k in range(wanted)]


def load(clip: Clip, factor: int) -> Frames:
    """The sharp sub-frames of one entry, (periods * factor, H, W, 3) uint8 RGB, the height cut to a multiple of 32.

    Raises InputError when the clip has too few frames, is smaller than 32 rows, or moves too fast to be oversampled.
    """
    from vsdeblur.training.oversample import oversampled

    if factor % clip.oversample:
        raise InputError(f"{clip.path}: oversample {clip.oversample} does not divide factor {factor}")
    subframes = clip.periods * factor
    wanted = -(-(subframes - 1) // clip.oversample) + 1
    frames = list(_prepared(clip, wanted))
    if len(frames) < wanted:
        raise InputError(f"{clip.path}: {len(frames)} frames from frame {clip.start} on, the benchmark needs {wanted}")
    finer = oversampled(np.stack(frames), clip.oversample, _RELIABLE)
    if finer is None:
        raise InputError(f"{clip.path}: moves too fast from frame {clip.start} on to be oversampled")
    return finer[:subframes]


def _prepared(clip: Clip, count: int) -> Iterator[Frames]:
    """``count`` frames (H, W, 3), scaled and cropped."""
    import cv2

    from vsdeblur.filters.pyav.file.read import read_rgb

    for frame in read_rgb(clip.path, clip.start, count):
        height, width = frame.shape[:2]
        if clip.width is not None and clip.width != width:
            size = (clip.width, 2 * round(height * clip.width / width / 2))
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        if clip.crop:
            frame = _cropped(frame, clip)
        if frame.shape[0] < 32:
            raise InputError(f"{clip.path}: {frame.shape[1]}x{frame.shape[0]} is too small for the benchmark (32 rows)")
        yield frame[: frame.shape[0] // 32 * 32]


def _cropped(frame: Frames, clip: Clip) -> Frames:
    assert clip.crop
    left, top, width, height = clip.crop
    if left + width > frame.shape[1] or top + height > frame.shape[0]:
        raise InputError(f"{clip.path}: the crop {list(clip.crop)} is not within {frame.shape[1]}x{frame.shape[0]}")
    return frame[top : top + height, left : left + width]


def blur(sharp: Frames, factor: int, m: int) -> Frames:
    """Mean of the first m of every ``factor`` frames, rounded to 8 bits: (T, H, W, 3) -> (T // factor, H, W, 3)."""
    periods = sharp[: len(sharp) // factor * factor].reshape(-1, factor, *sharp.shape[1:])
    return to_8bit(periods[:, :m].mean(axis=1, dtype=np.float64) / 255)


def to_8bit(values: npt.NDArray[Any]) -> Frames:
    """Values in [0, 1] to code values."""
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
