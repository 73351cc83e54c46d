"""A user's own sharp clips as further scenes: blurred by averaging frames; the true instants known, the motion not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vsdeblur.errors import InputError
from vsdeblur.training.blurry import with_first_path
from vsdeblur.training.film import PATH_TAUS, SHARP_TAUS
from vsdeblur.training.photos import MIN_PHOTO_SIDE
from vsdeblur.training.pool import Sample

log = logging.getLogger("vsdeblur")

RATE = 8  # sub-frames per period
_EXPOSED = (1, 3, 5, 7)  # sub-frames per exposure: odd, so that the middle of the exposure is a frame
_SPAN = 2 * RATE + max(_EXPOSED)

Stretch = npt.NDArray[np.uint8]  # (frames, H, W, 3)


def find_clips(folder: Path) -> list[Path]:
    """Files of the folder that have at least 23 frames of 256 pixels; others are named in a warning and skipped."""
    from vsdeblur.filters.pyav.file.read import count_frames, read_rgb

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of clips")
    usable = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            long_enough = count_frames(path) >= _SPAN
            large_enough = min(next(iter(read_rgb(path, 0, 1))).shape[:2]) >= MIN_PHOTO_SIDE
        except (InputError, StopIteration):
            log.warning("skipping %s: it is not a clip that can be decoded", path)
            continue
        if long_enough and large_enough:
            usable.append(path)
        else:
            log.warning("skipping %s: at least %d frames of %d pixels are needed", path, _SPAN, MIN_PHOTO_SIDE)
    return usable


def clip_sample(paths: list[Path], rng: np.random.Generator, size: int) -> Sample:
    """A random place in a random clip as a sample of the pool, ``known`` 0: its paths and seen are not."""
    import cv2

    from vsdeblur.filters.pyav.file.read import count_frames, read_rgb

    path = paths[int(rng.integers(len(paths)))]
    start = int(rng.integers(count_frames(path) - _SPAN + 1))
    frames = np.stack(list(read_rgb(path, start, _SPAN)))
    if len(frames) < _SPAN:
        raise InputError(f"{path}: frames {start} to {start + _SPAN} cannot all be decoded")
    wanted = min(int(size * np.exp(rng.uniform(0, np.log(4)))), *frames.shape[1:3])
    y, x = (int(rng.integers(n - wanted + 1)) for n in frames.shape[1:3])
    crops = frames[:, y : y + wanted, x : x + wanted]
    small = np.stack([cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in crops])
    u = torch.from_numpy(small).permute(0, 3, 1, 2).contiguous()
    exposed = int(rng.choice(_EXPOSED))
    middle = _SPAN // 2
    blurry = torch.stack([_mean(u, middle + side * RATE, exposed) for side in (-1, 0, 1)])
    half = size // 2
    return with_first_path(
        {
            "blurry": blurry,
            "sharp": torch.stack([u[middle + round(tau * RATE)] for tau in SHARP_TAUS]),
            "paths": torch.zeros(len(PATH_TAUS), 2, half, half, dtype=torch.float16),
            "seen": torch.zeros(2, half, half, dtype=torch.bool),
            "shutter": torch.tensor([exposed / RATE]),
            "known": torch.zeros(1),
        }
    )


def _mean(u: torch.Tensor, middle: int, count: int) -> torch.Tensor:
    return u[middle - count // 2 : middle + count // 2 + 1].float().mean(0).round().to(torch.uint8)
