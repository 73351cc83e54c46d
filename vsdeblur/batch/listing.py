"""Which files a batch has, and what their outputs are called."""

from __future__ import annotations

import os
from pathlib import Path

from vsdeblur.errors import ArgumentError, InputError

_NAMES = (
    "3g2 3gp apng asf avi dv f4v flv gif insv lrv m2t m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts mxf nut ogv qt "
    "rm rmvb ts vob webm wmv y4m"
)
VIDEOS = frozenset(f".{name}" for name in _NAMES.split(" "))
_KEPT = frozenset(
    [".apng", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".ts", ".webm"]
)  # hold the usual codecs
_ENDING = ".mkv"  # of the outputs of others


def listed(folder: Path) -> tuple[list[Path], list[str]]:
    """The videos in a folder and in those within it, and other files, by their names. Hidden ones do not count.

    Raises:
        InputError: The folder cannot be read.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder")
    videos: list[Path] = []
    others: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith("-parts"))
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith("."):
                continue
            if path.suffix.lower() in VIDEOS:
                videos.append(path)
            else:
                others.append(path.relative_to(folder).as_posix())
    return videos, others


def output_name(source: Path) -> Path:
    """Of a source's output: its own, with another ending where its container does not hold what is written.

    >>> output_name(Path("day 1/a.mp4")).as_posix(), output_name(Path("b.rm")).as_posix()
    ('day 1/a.mp4', 'b.rm.mkv')
    """
    return source if source.suffix.lower() in _KEPT else source.with_name(source.name + _ENDING)


def refuse_nested(source: Path, target: Path) -> None:
    """Refuse an output folder within the source's: its files would be sources of the next run. Raises ArgumentError."""
    if target.resolve().is_relative_to(source.resolve()):
        raise ArgumentError("dst", str(target), f"a folder outside of {source}")
