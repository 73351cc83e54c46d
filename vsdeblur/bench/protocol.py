"""The protocol: how a sharp clip becomes a blurry one, and how what was restored from it is judged.

Blurry frame n is the plain mean of the first m of its r sharp sub-frames (stored values, no gamma), rounded to 8 bits:
"m/r". Numbers by this protocol compare with each other only, never with scores on other data sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.errors import ArgumentError, InputError

Frames = npt.NDArray[np.uint8]  # (T, H, W, 3), RGB

CAP = 60.0  # dB that a frame's PSNR counts for at most: one static frame must not carry a mean
PERIODS = 5


@dataclass(frozen=True, slots=True)
class Clip:
    """One entry of a clip list: scaled to ``width`` by area averaging (None = as it is), from frame ``start`` on."""

    path: Path
    width: int | None = None
    start: int = 0
    periods: int = PERIODS

    @property
    def name(self) -> str:
        """What tables call it: the file and the first frame."""
        return f"{self.path.stem}@{self.start}"


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the inner periods of one clip, or over clips. PSNRs in dB, of 8-bit RGB, each frame's capped at 60.

    deblur: sub-frame m // 2. interp: the others. all: every sub-frame. by_index: PSNR of sub-frame j, j < r (a pulse
    shows there). reblur: PSNR of the restored frames averaged again, against the blurry ones. flicker: PSNR of the
    differences between successive frames.
    """

    all: float
    deblur: float
    interp: float
    ssim: float
    reblur: float
    flicker: float
    by_index: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields by their names."""
        return asdict(self)


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
    """The sharp frames of one entry, (periods * factor, H, W, 3) uint8 RGB, the height cropped to a multiple of 32.

    Raises InputError when the clip has too few frames or is smaller than 32 rows.
    """
    import cv2

    from vsdeblur.filters.pyav.file.read import read_rgb

    wanted = clip.periods * factor
    scaled = []
    for frame in read_rgb(clip.path, clip.start, wanted):
        height, width = frame.shape[:2]
        if clip.width is not None and clip.width != width:
            size = (clip.width, 2 * round(height * clip.width / width / 2))
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        if frame.shape[0] < 32:
            raise InputError(f"{clip.path}: {frame.shape[1]}x{frame.shape[0]} is too small for the benchmark (32 rows)")
        scaled.append(frame[: frame.shape[0] // 32 * 32])
    if len(scaled) < wanted:
        raise InputError(f"{clip.path}: {len(scaled)} frames from frame {clip.start} on, the benchmark needs {wanted}")
    return np.stack(scaled)


def blur(sharp: Frames, factor: int, m: int) -> Frames:
    """Mean of the first m of every ``factor`` frames, rounded to 8 bits: (T, H, W, 3) -> (T // factor, H, W, 3)."""
    periods = sharp[: len(sharp) // factor * factor].reshape(-1, factor, *sharp.shape[1:])
    return to_8bit(periods[:, :m].mean(axis=1, dtype=np.float64) / 255)


def to_8bit(values: npt.NDArray[Any]) -> Frames:
    """Values in [0, 1] to code values."""
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)


def psnr(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Of two arrays of 8-bit code values (or their means or differences), in dB, capped."""
    mse = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return min(CAP, 10 * float(np.log10(255**2 / mse))) if mse > 0 else CAP


def score(restored: Frames, sharp: Frames, blurry: Frames, factor: int, m: int) -> Score:
    """Judge ``restored`` (T, H, W, 3) against ``sharp``, the first and last period left out."""
    periods = len(blurry)
    if restored.shape != sharp.shape or len(sharp) != periods * factor:
        raise ValueError(f"{restored.shape} restored frames for {sharp.shape} sharp and {periods} blurry ones")
    inner = range(1, periods - 1)
    table = np.array([[psnr(restored[n * factor + j], sharp[n * factor + j]) for j in range(factor)] for n in inner])
    deblur = float(table[:, m // 2].mean())
    interp = float(np.delete(table, m // 2, axis=1).mean()) if factor > 1 else deblur
    frames = [n * factor + j for n in inner for j in range(factor)]
    return Score(
        all=(deblur + (factor - 1) * interp) / factor,
        deblur=deblur,
        interp=interp,
        ssim=_mean(float(ssim_map(restored[k], sharp[k]).mean()) for k in frames),
        reblur=_mean(psnr(restored[n * factor : n * factor + m].mean(axis=0), blurry[n]) for n in inner),
        flicker=_mean(psnr(_step(restored, k), _step(sharp, k)) for k in frames[:-1]) if len(frames) > 1 else CAP,
        by_index=tuple(float(value) for value in table.mean(axis=0)),
    )


def mean_score(scores: Sequence[Score]) -> Score:
    """The mean over clips of every number."""
    first = scores[0]
    names = [name for name in first.as_dict() if name != "by_index"]
    columns = zip(*(s.by_index for s in scores), strict=True)
    means = {name: _mean(getattr(s, name) for s in scores) for name in names}
    return replace(first, by_index=tuple(_mean(column) for column in columns), **means)


def _step(frames: Frames, k: int) -> npt.NDArray[np.int16]:
    step: npt.NDArray[np.int16] = np.subtract(frames[k + 1], frames[k], dtype=np.int16)
    return step


def ssim_map(a: Frames, b: Frames) -> npt.NDArray[np.float64]:
    """SSIM around every pixel of two pictures, (H, W, 3): Gaussian window of 11 with sigma 1.5, as usual."""
    import torch
    from kornia.metrics import ssim

    x, y = (torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255 for picture in (a, b))
    return np.asarray(ssim(x, y, window_size=11)[0].permute(1, 2, 0).numpy(), np.float64)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
