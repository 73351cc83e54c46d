"""Time bases in which timestamps are whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

FINEST_TICK = Fraction(1, 1_000_000_000)


def common_tick(*steps: Fraction) -> Fraction:
    """The longest tick that all of ``steps`` are multiples of, or a nanosecond where that would be shorter."""
    numerator, denominator = 0, 1
    for step in steps:
        numerator = math.gcd(numerator * step.denominator, step.numerator * denominator)
        denominator *= step.denominator
        common = math.gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
    tick = Fraction(numerator, denominator)
    return tick if tick >= FINEST_TICK and tick.denominator < 2**31 and tick.numerator < 2**31 else FINEST_TICK


def ticks(time: Fraction, tick: Fraction) -> int:
    """The nearest tick; halves go up, so that equal steps stay equal."""
    return math.floor(time / tick + Fraction(1, 2))
