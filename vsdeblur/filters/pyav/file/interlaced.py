"""Interlaced frames, found before the work starts."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source

_LOOK = 48  # frames


def refuse_interlaced(path: str, read: ReadOptions) -> None:
    """Look at the first frames of what is read of a file. Raises InputError where some are flagged as interlaced."""
    if read.progressive or path == "-":
        return
    with Source(path, replace(read, progressive=True), quiet=True) as source:
        flags = [bool(frame.interlaced_frame) for frame in islice(source.frames(), _LOOK)]
    if any(flags):
        raise InputError(
            f"{path}: {sum(flags)} of the first {len(flags)} frames are interlaced, from number {flags.index(True)} "
            "on: deinterlace first, with bwdif or yadif",
            "or, where only the flags are wrong, give {progressive}",
        )
