"""Real clips as a source of scenes: decoded once into small files, with how far things move from frame to frame."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.errors import InputError

log = logging.getLogger("vsdeblur")

Frames = npt.NDArray[np.uint8]  # (n, H, W, 3)
Speeds = npt.NDArray[np.float32]  # (n - 1, h, w)

SHORTEST = 40  # frames
MIN_CLIP_SIDE = 192  # pixels along the shorter side that are kept
MAX_CLIP_SIDE = 360
CELL = 8  # pixels per side of what one speed stands for
HELD_OUT = 10  # every tenth file, by name, is never trained on
_SHARPER = 2 / 3  # of the size of a file, which coding and the lens have softened
_MOTION = 2.0  # pixels from frame to frame, 95th percentile, that a clip is scaled down to


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip in the cache.

    Args:
        folder: Of the cache.
        name: Of the clip's file.
    """

    folder: Path
    name: str

    @property
    def frames(self) -> Frames:
        """(n, H, W, 3) RGB, mapped from its file."""
        frames: Frames = _mapped(self.folder / f"{self.name}.frames.npy")
        return frames

    @property
    def speeds(self) -> Speeds:
        """(n - 1, H / CELL, W / CELL) pixels that each frame's cells move by until the next: 90th percentile."""
        speeds: Speeds = _mapped(self.folder / f"{self.name}.speeds.npy")
        return speeds


def find_clips(folder: Path, cache: Path) -> tuple[list[ClipFile], list[ClipFile]]:
    """(for training, held out): the usable clips of a folder, by name, decoded into ``cache`` unless they are there.

    Files that cannot be decoded, have fewer than 40 frames or less than 192 pixels are named in a warning and skipped.

    Raises:
        InputError: Where fewer than two remain.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: there is no such folder of clips")
    usable = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        found = ClipFile(cache, path.name)
        try:
            if not (cache / f"{path.name}.speeds.npy").exists():
                _decode(path, cache)
        except InputError as error:
            log.warning("skipping %s", error)
            continue
        usable.append(found)
    if len(usable) < 2:
        raise InputError(f"{folder}: {len(usable)} usable clips, at least 2 are needed ({SHORTEST} frames or more)")
    return [clip for k, clip in enumerate(usable) if k % HELD_OUT], usable[::HELD_OUT]


def _decode(path: Path, cache: Path) -> None:
    """Write the frames of a clip, scaled to where they move little, and their speeds, which come last."""
    from vsdeblur.filters.pyav.file.read import read_rgb

    frames: list[Frames] = []
    try:
        for frame in read_rgb(path, 0, None):
            shorter = min(frame.shape[:2])
            if shorter < MIN_CLIP_SIDE:
                raise InputError(f"{path}: its shorter side has {shorter} pixels, at least {MIN_CLIP_SIDE} are needed")
            frames.append(_scaled(frame, min(max(_SHARPER, MIN_CLIP_SIDE / shorter), MAX_CLIP_SIDE / shorter)))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: it is not a clip that can be decoded ({type(error).__name__})") from None
    if len(frames) < SHORTEST:
        raise InputError(f"{path}: it has {len(frames)} frames, at least {SHORTEST} are needed")
    speeds = measured(frames)
    fast = float(np.median(np.percentile(speeds, 95, (1, 2))))
    shorter = min(frames[0].shape[:2])
    scale = max(min(1.0, _MOTION / max(fast, 1e-3)), MIN_CLIP_SIDE / shorter)
    if scale < 0.95:
        frames = [_scaled(frame, scale) for frame in frames]
        speeds = measured(frames)
    write_array(np.stack(frames), cache / f"{path.name}.frames.npy")
    write_array(speeds, cache / f"{path.name}.speeds.npy")


def measured(frames: Sequence[Frames]) -> Speeds:
    """(n - 1, H // CELL, W // CELL): how far each cell of a frame moves until the next, by DIS, pixels."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    height, width = (x // CELL for x in grey[0].shape)
    speeds = []
    for first, second in pairwise(grey):
        length = np.linalg.norm(dis.calc(first, second, None), axis=-1)  # type: ignore[call-overload]
        cells = length[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL)
        speeds.append(np.percentile(cells, 90, (1, 3)))
    return np.asarray(speeds, np.float32)


def _scaled(frame: Frames, scale: float) -> Frames:
    """By area averaging; both sides even."""
    if scale >= 1:
        return frame
    size = [2 * round(x * scale / 2) for x in frame.shape[1::-1]]
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def write_array(values: npt.NDArray[np.generic], path: Path) -> None:
    """An array as a file, whole at any moment; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)


@lru_cache(maxsize=256)
def _mapped(path: Path) -> Any:
    return np.load(path, mmap_mode="r")
