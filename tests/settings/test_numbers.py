"""Numbers that are refused by their form, and fractions that photographers write."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from vsdeblur.errors import ArgumentError
from vsdeblur.settings import checked, is_time


@pytest.mark.parametrize("value", ["1e400", "9999999999", 1e300])
def test_times_end_somewhere(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^start must be "):
        checked("start", value)


HUGE = ["1e1000000000", "1e-1000000000", "1E+99999999", "9" * 5000, "1/" + "9" * 5000]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["factor", "fps", "source_fps", "shutter", "readout", "start", "duration", "slow"])
@pytest.mark.parametrize("text", HUGE, ids=lambda text: text[:12])
def test_huge_numbers_are_refused_before_they_are_built(name: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^{name} must be ") as caught:
        checked(name, text, *([Fraction(25)] if name in ("shutter", "readout") else []))
    assert len(str(caught.value)) < 300


def test_huge_decimals_and_integers() -> None:
    for value in (Decimal("1e1000000000"), 10**5000):
        with pytest.raises(ArgumentError, match=r"^factor must be "):
            checked("factor", value)


@pytest.mark.parametrize("name", ["fps", "source_fps"])
def test_rates_are_what_containers_can_count(name: str) -> None:
    assert checked(name, 100 / 3) == Fraction(100, 3)
    assert checked(name, "12.345678901").denominator <= 100_000
    for value in ("1e-19", "1/3601", 0):
        with pytest.raises(ArgumentError, match=rf"^{name} must be "):
            checked(name, value)


@pytest.mark.parametrize(
    ("value", "rate", "wanted"),
    [
        ("1/50", 25, 0.5),
        ("1/60", 30, 0.5),
        (" 1/100 ", 50, 0.5),
        ("1/2", 30, 0.5),
        ("4/5", 24, 0.8),
        ("1/50s", 25, 0.5),
    ],
)
def test_a_fraction_of_a_second_is_what_photographers_write(value: str, rate: int, wanted: float) -> None:
    assert checked("shutter", value, Fraction(rate)) == pytest.approx(wanted)
    assert is_time(value) == (wanted == 0.5 and value != "1/2")


def test_an_ambiguous_one_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match=r"shutter must be 1/10s for a time, 0\.1 for a part of the frame period"):
        checked("shutter", "1/10", Fraction(30))
    with pytest.raises(ArgumentError, match="for a clip without a frame rate"):
        checked("shutter", "1/50", None)
    assert checked("readout", "1/60", Fraction(30)) == pytest.approx(0.5)
