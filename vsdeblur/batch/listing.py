"""Which files a batch has, and what their outputs are called."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.stores.stored import is_stored

_NAMES = (
    "3g2 3gp apng asf avi dv f4v flv gif insv lrv m2t m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts mxf nut ogv qt "
    "rm rmvb ts vob webm wmv y4m"
)
VIDEOS = frozenset(f".{name}" for name in _NAMES.split(" "))
_KEPT = frozenset(
    [".apng", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".ts", ".webm"]
)  # hold the usual codecs
_ENDING = ".mkv"  # of the outputs of others


def listed(folder: Path) -> tuple[list[str], list[str]]:
    """The videos in a folder and in those within it, and other files, by their paths in it. Hidden ones do not count.

    Raises:
        InputError: The folder cannot be read.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder")
    found: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith("-parts"))
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in sorted(names)]
    return sorted_out(found)


def sorted_out(names: list[str]) -> tuple[list[str], list[str]]:
    """The videos among paths within a folder, and the others; hidden files, and segments, are neither.

    >>> sorted_out(["b/a.mp4", ".b.mp4", "notes.txt", "a.mp4.vsdeblur-parts/1-of-2.json"])
    (['b/a.mp4'], ['notes.txt'])
    """
    seen = [name for name in names if not any(_passed_over(part) for part in name.split("/"))]
    videos = [name for name in seen if PurePosixPath(name).suffix.lower() in VIDEOS]
    return videos, [name for name in seen if name not in set(videos)]


def _passed_over(part: str) -> bool:
    return part.startswith(".") or part.endswith("-parts")


def output_name(source: PurePosixPath) -> PurePosixPath:
    """Of a source's output: its own, with another ending where its container does not hold what is written.

    >>> str(output_name(PurePosixPath("day 1/a.mp4"))), str(output_name(PurePosixPath("b.rm")))
    ('day 1/a.mp4', 'b.rm.mkv')
    """
    return source if source.suffix.lower() in _KEPT else source.with_name(source.name + _ENDING)


def refuse_nested(source: str, target: str) -> None:
    """Refuse an output folder within the source's: its files would be sources of the next run. Raises ArgumentError."""
    if is_stored(source) != is_stored(target):
        return
    if is_stored(source):
        nested = f"{target.rstrip('/')}/".startswith(f"{source.rstrip('/')}/")
    else:
        nested = Path(target).resolve().is_relative_to(Path(source).resolve())
    if nested:
        raise ArgumentError("dst", target, f"a folder outside of {source}")
