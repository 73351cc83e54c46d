"""Reading a clip's frames as 8-bit RGB, for the benchmark and for looking at a clip; not the path that video takes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vsdeblur.filters.pyav.file.source import Source


def read_rgb(path: Path, start: int, count: int | None) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield frames start .. start + count - 1 (to the end with None) as (H, W, 3) uint8 RGB, counted as they decode.

    Raises InputError where the file cannot be opened or has no video; what cannot be decoded is passed over.
    """
    with Source(str(path)) as source:
        stop = None if count is None else start + count
        for frame in islice(source.frames(), start, stop):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def count_frames(path: Path) -> int:
    """How many frames the video has, by its packets. Raises InputError."""
    with Source(str(path)) as source:
        return sum(packet.size > 0 for packet in source.container.demux(source.video))


def frame_rate(path: Path) -> Fraction | None:
    """Its usual frames per second, None where there is none. Raises InputError."""
    with Source(str(path)) as source:
        rate = source.video.average_rate
        return Fraction(rate.numerator, rate.denominator) if rate else None
