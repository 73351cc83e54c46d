"""Reading a clip's frames as 8-bit RGB, for the benchmark and for looking at a clip; not the path that video takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt

from vsdeblur.errors import InputError


def read_rgb(path: Path, start: int, count: int | None) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield frames start .. start + count - 1 (to the end with None) as (H, W, 3) uint8 RGB, counted as they decode.

    Raises InputError where the file cannot be opened, has no video, or cannot be decoded.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video in this file")
            stop = None if count is None else start + count
            for frame in islice(container.decode(video=0), start, stop):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def count_frames(path: Path) -> int:
    """How many frames the first video stream has, by its packets."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video in this file")
            return sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
