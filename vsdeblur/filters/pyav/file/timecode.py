"""Start timecodes, "hh:mm:ss:ff" (SMPTE ST 12-1): moved with the beginning and the rate of what is written.

A timecode counts frames, as many a second as the rate rounded up. With ";" before the frames it drops numbers (two of
30 a minute but for every tenth) and so keeps up with the clock at 29.97 and its multiples.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

_CODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{1,4})")
_MOST = {"mp4": 255, "mov": 255, "ipod": 255, "mxf": 255}  # frames a second: one byte counts them
_DAY = 24 * 60 * 60


def moved_timecode(code: str, rate: Fraction, output_rate: Fraction, start: Fraction) -> str | None:
    """The timecode of the first frame of an output.

    >>> moved_timecode("01:02:03:04", Fraction(30), Fraction(60), Fraction(0))
    '01:02:03:08'
    >>> moved_timecode("00:00:59;28", Fraction(30000, 1001), Fraction(60000, 1001), Fraction(1001, 10000))
    '00:01:00;06'

    Args:
        code: of the source's first frame.
        rate: of the source, frames per second.
        output_rate: of the output.
        start: seconds of the source that are left out at the beginning.

    Returns:
        None for what is no timecode at this rate.
    """
    match = _CODE.fullmatch(code.strip())
    base = math.ceil(rate)
    if match is None or int(match[5]) >= base:
        return None
    hours, minutes, seconds, frame = (int(match[n]) for n in (1, 2, 3, 5))
    drops = match[4] != ":" and base % 30 == 0
    first = ((hours * 60 + minutes) * 60 + seconds) * base + frame
    first -= _dropped_before(hours * 60 + minutes, base) if drops else 0
    label = _label(first + math.ceil(start * rate), base, drops)
    whole, frame = divmod(label, base)
    output_base = math.ceil(output_rate)
    still_drops = drops and output_base % 30 == 0
    mark = ";" if still_drops else ":"
    clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{clock}{mark}{frame * output_base // base:02d}"


def holds_timecode(container: str, output_rate: Fraction) -> bool:
    """Whether a container can count so many frames a second in its timecodes."""
    return math.ceil(output_rate) <= _MOST.get(container, 9999)


def _dropped_before(minutes: int, base: int) -> int:
    """How many numbers are left out before the beginning of a minute of the day."""
    return base // 15 * (minutes - minutes // 10)


def _label(frames: int, base: int, drops: bool) -> int:
    """The number, of those without drops, that the frame has which comes so many after midnight."""
    if not drops:
        return frames % (_DAY * base)
    lost = base // 15
    ten = 600 * base - 9 * lost
    tens, rest = divmod(frames % (ten * 144), ten)
    minute = 0 if rest < 60 * base else 1 + (rest - 60 * base) // (60 * base - lost)
    return tens * 600 * base + rest + lost * minute
