"""Photographs as textures: found in a folder, checked once, held out by file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.errors import InputError

log = logging.getLogger("vsdeblur")

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
MIN_PHOTO_SIDE = 256  # pixels along the shorter side
HELD_OUT = 10  # every tenth file, by name, is never trained on
_GREY = 2.0  # mean distance of the channels, code values, below which a picture counts as grey
_LARGEST = 1280


def find_photos(folder: Path) -> tuple[list[Path], list[Path]]:
    """(for training, held out): the usable photographs of a folder and its subfolders, in the order of their names.

    What cannot be decoded, is smaller than 256 pixels or grey is skipped and named in a warning.

    Raises:
        InputError: Where fewer than three remain.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: there is no such folder of photographs")
    usable = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        fault = _fault(path)
        if fault:
            log.warning("skipping %s: %s", path, fault)
        else:
            usable.append(path)
    kept = [path for k, path in enumerate(usable) if k % HELD_OUT]
    held_out = usable[::HELD_OUT]
    if len(kept) < 2 or not held_out:
        raise InputError(
            f"{folder}: {len(usable)} usable photographs, at least 3 are needed (colour, 256 pixels or more)"
        )
    return kept, held_out


def read_photo(path: Path) -> Image:
    """The photograph, (H, W, 3) RGB 8 bit, no side above 1280 pixels.

    Raises:
        InputError: Where it cannot be read.
    """
    import cv2

    with np.errstate(all="ignore"):
        data = np.fromfile(path, np.uint8)
    picture: Any = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise InputError(f"{path}: not a picture that can be decoded")
    longest = max(picture.shape[:2])
    if longest > _LARGEST:
        size = (round(picture.shape[1] * _LARGEST / longest), round(picture.shape[0] * _LARGEST / longest))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[..., ::-1])


def _fault(path: Path) -> str | None:
    try:
        picture = read_photo(path)
    except (InputError, OSError):
        return "it cannot be decoded"
    if min(picture.shape[:2]) < MIN_PHOTO_SIDE:
        return f"it is {picture.shape[1]}x{picture.shape[0]}, smaller than {MIN_PHOTO_SIDE} pixels"
    red, green, blue = (picture[::8, ::8, c].astype(np.float32) for c in range(3))
    if np.abs(red - green).mean() + np.abs(green - blue).mean() < _GREY:
        return "it is grey"
    return None
