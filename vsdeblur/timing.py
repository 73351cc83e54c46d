"""When each output frame is shown and which instant it shows (the contract's section on factor and timing)."""

from __future__ import annotations

import math
from fractions import Fraction


def output_count(frames: int, factor: Fraction) -> int:
    """floor(N * factor).

    >>> output_count(5, Fraction(5, 2))
    12
    """
    return int(frames * factor)


def first_shown(frame: int, factor: Fraction) -> int:
    """The first output whose instant lies at or after source frame ``frame``: it is the first to show that frame."""
    return frame if factor == 1 else math.ceil(frame * factor - Fraction(1, 2))


def shown_frame(output: int, factor: Fraction) -> int:
    """The source frame in whose period the instant of output j lies."""
    return output if factor == 1 else int((output + Fraction(1, 2)) / factor)


def instant(output: int, factor: Fraction, shutter: float, readout: float = 0.0) -> float:
    """The instant that output j shows, in source periods from frame 0's timestamp.

    (j + 1/2) / factor; only factor 1 shows mid-exposure, s / 2 after its timestamp, so that nothing is extrapolated.
    Where rows are exposed one after the other that is the middle one's, (s + readout) / 2.

    >>> [instant(j, Fraction(4), shutter=0.5) for j in range(4)]
    [0.125, 0.375, 0.625, 0.875]
    >>> instant(2, Fraction(1), shutter=0.5)
    2.25
    """
    if factor == 1:
        return output + (shutter + readout) / 2
    return float((output + Fraction(1, 2)) / factor)
