"""Start timecodes, moved with the beginning and the rate."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vsdeblur.filters.pyav.file.timecode import holds_timecode, moved_timecode

NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize(
    ("code", "rate", "output_rate", "start", "wanted"),
    [
        ("01:02:03:04", Fraction(30), Fraction(60), Fraction(0), "01:02:03:08"),
        ("01:02:03:04", Fraction(25), Fraction(25), Fraction(2), "01:02:05:04"),
        ("23:59:59:24", Fraction(25), Fraction(50), Fraction(1, 25), "00:00:00:00"),
        ("10:00:00:20", Fraction(60), Fraction(150), Fraction(0), "10:00:00:50"),
        ("00:00:59:29", NTSC, NTSC, 1 / NTSC, "00:01:00:00"),
        ("00:00:59;29", NTSC, NTSC, 1 / NTSC, "00:01:00;02"),  # two numbers are left out a minute
        ("00:09:59;29", NTSC, NTSC, 1 / NTSC, "00:10:00;00"),  # but for every tenth
        ("00:00:59.29", NTSC, 2 * NTSC, 1 / NTSC, "00:01:00;04"),
        ("01:00:00;00", NTSC, Fraction(5, 2) * NTSC, Fraction(0), "01:00:00:00"),  # 75 drop nothing
        ("01:00:00:30", Fraction(30), Fraction(60), Fraction(0), None),
        ("an hour", Fraction(30), Fraction(60), Fraction(0), None),
    ],
)
def test_moved(code: str, rate: Fraction, output_rate: Fraction, start: Fraction, wanted: str | None) -> None:
    assert moved_timecode(code, rate, output_rate, start) == wanted


def test_drop_frame_keeps_up_with_the_clock() -> None:
    """An hour, a day but an hour: a few frames beside the clock."""
    for hours in (1, 12, 23):
        code = moved_timecode("00:00:00;00", NTSC, NTSC, Fraction(3600 * hours))
        assert code in [f"{hours:02d}:00:00;0{frames}" for frames in range(4)]  # 86 ms a day remain


def test_a_byte_counts_frames() -> None:
    assert holds_timecode("mov", Fraction(255))
    assert not holds_timecode("mp4", Fraction(256_000, 1001) + 1)
    assert holds_timecode("matroska", Fraction(480))
