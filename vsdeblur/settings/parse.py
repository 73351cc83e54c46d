"""One parser for each kind of value: what a user may write in, the checked value out.

A parser raises TypeError, ValueError or an ArithmeticError for what it cannot take; the setting's own text then says
what would work. Parsers of times also take the clip's frame rate, None where it has none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast

from vsdeblur.named import match_named
from vsdeblur.settings.transfers import is_known

type Cuts = bool | Literal["props"] | frozenset[int]

DECONVOLVERS = (
    "plug-and-play",
    "unrolled",
    "richardson-lucy",
    "indi",
    "i2sb",
    "cddb",
    "dds",
    "pigdm",
    "dps",
    "split-gibbs",
)
ESTIMATORS = ("path", "uniform", "network", "em", "blind-dps", "local")
LEARNED_ESTIMATORS = ("network", "em", "blind-dps", "local")
LEARNED = ("unrolled", "indi", "i2sb", "cddb", "dds", "pigdm", "dps", "split-gibbs")  # those that have weights
SOLVERS = ("keyframes", "unrolled", "unrolled:PATH", "admm")  # as ``vsdeblur.named`` reads them
MAX_FACTOR = 16
MAX_FPS = 10_000
LEAST_SIDE = 16  # pixels
_MIN_FPS, _FINEST_FPS = Fraction(1, 3600), 100_000
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_NTSC = 0.006  # frames per second that a decimal name such as 59.94 may differ from its exact fraction
_LONGEST_TIME = 10**9  # seconds, some thirty years
_LONGEST, _EXPONENT = 100, 400  # characters of a number, and its decimal exponent
_SHORT = Fraction(1, 8)  # "1/50" and other fractions up to this are of a second, as photographers write them


class Ambiguous(ValueError):
    """A fraction such as "1/10", which is too long for a time and too short for a usual part of the period."""


class NeedsRate(ValueError):
    """A time was given for a clip without a frame rate."""


def choice(*names: str) -> Callable[[Any], str]:
    """One of these names."""

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return parse


def optional[T](parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """None, or what ``parse`` takes."""
    return lambda value: None if value is None else parse(value)


def boolean(value: Any) -> bool:
    """True or False; VapourSynth scripts write 1 and 0."""
    if not isinstance(value, int) or value not in (0, 1):
        raise ValueError
    return bool(value)


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise TypeError
    return value


def name_or_callable(value: Any) -> str | Callable[..., Any]:
    """A name or a callable."""
    if callable(value):
        return cast("Callable[..., Any]", value)
    return text(value)


def segment(value: Any) -> tuple[int, int]:
    """The number of a segment and how many there are, such as "3/8"."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text(value).strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError
    return int(match[1]), int(match[2])


def solver(value: Any) -> str:
    """keyframes, unrolled, unrolled:PATH or admm."""
    if match_named(value, SOLVERS) is None:
        raise ValueError
    return text(value)


def deconvolver(value: Any) -> str:
    """The name of what restores a frame by itself, with a path where it is learned."""
    if match_named(value, (*DECONVOLVERS, *(f"{name}:PATH" for name in LEARNED))) is None:
        raise ValueError
    return text(value)


def estimator(value: Any) -> str:
    """The name of what finds the blur of a frame by itself, with a path where it is learned."""
    if match_named(value, (*ESTIMATORS, *(f"{name}:PATH" for name in LEARNED_ESTIMATORS))) is None:
        raise ValueError
    return text(value)


def transfer(value: Any) -> str:
    """The name of a transfer function."""
    if not is_known(value):
        raise ValueError
    return text(value)


def device(value: Any) -> str:
    """cpu, cuda, cuda:N or mps; whether the machine has it is checked when the engine starts."""
    if not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,3})?", text(value)):
        raise ValueError
    return text(value)


def factor(value: Any) -> Fraction:
    """An int, Fraction, float or "5/2" from 1 to 16."""
    if isinstance(value, bool):
        raise TypeError
    ratio = _fraction(value).limit_denominator(1_000_000)
    if not 1 <= ratio <= MAX_FACTOR:
        raise ValueError
    return ratio


def fps(value: Any) -> Fraction:
    """A frame rate, at least one an hour; the usual decimal names mean their exact fractions: 59.94 is 60000/1001.

    The denominator of others is limited: containers count in fractions of 32 bits.
    """
    rate = _fraction(str(value) if isinstance(value, float) else value).limit_denominator(_FINEST_FPS)
    if not _MIN_FPS <= rate <= MAX_FPS:
        raise ValueError
    ntsc = Fraction(math.ceil(rate) * 1000, 1001)
    return ntsc if rate.denominator != 1 and abs(float(rate - ntsc)) < _NTSC else rate


def positive_integer(value: Any) -> int:
    """1, 2, 3 ..."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError
    return value


def pixels(value: Any) -> int:
    """A length in pixels, 16 at least, from an int or its digits."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,6}\s*", value):
        value = int(value)
    if positive_integer(value) < LEAST_SIDE:
        raise ValueError
    return int(value)


def number(low: float, high: float) -> Callable[[Any], float]:
    """A number in [low, high]."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError
        return value

    return parse


def seconds(*, positive: bool) -> Callable[[Any], Fraction]:
    """A time from a number of seconds or "h:mm:ss.s"."""

    def parse(value: Any) -> Fraction:
        if isinstance(value, bool):
            raise TypeError
        total = Fraction(0)
        for part in value.split(":") if isinstance(value, str) else [value]:
            total = total * 60 + _fraction(str(part) if isinstance(part, float) else part)
        if not 0 <= total <= _LONGEST_TIME or (positive and not total):
            raise ValueError
        return total

    return parse


def minutes(value: Any) -> float:
    """A duration above 0, in minutes, from "5min", "90s" or a number of minutes."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) *(min|s)?", str(value).strip())
    if match is None or not float(match[1]):
        raise ValueError
    return float(match[1]) / (60 if match[2] == "s" else 1)


def is_time(value: object) -> bool:
    """Whether a shutter or a readout is given as a time, "16ms", "1/60s" or "1/60", and not as a part of the period."""
    if not isinstance(value, str):
        return False
    plain = re.fullmatch(r"\s*1/([0-9]{1,6})\s*", value)
    return value.strip().endswith("s") or (plain is not None and int(plain[1]) * _SHORT >= 1)


def shutter(value: Any, rate: Fraction | None) -> float:
    """The open part of the period, in (0, 1], from 0.5, "0.5", "180deg", "1/60s", "1/60" or "16ms"."""
    part = _part_of_period(value, rate)
    if not 0 < part <= 1:
        raise ValueError
    return part


def out_shutter(value: Any) -> float:
    """A part of an output's period, in [0, 1], from 0.5, "0.5" or "180deg"."""
    if is_time(value):
        raise ValueError
    part = _part_of_period(value, None)
    if not 0 <= part <= 1:
        raise ValueError
    return part


def readout(value: Any, rate: Fraction | None) -> float:
    """A part of the period, in [0, 1), from 0.6, "0.6", "16ms" or "1/60s"."""
    if isinstance(value, str) and value.rstrip().endswith(("deg", "°")):
        raise ValueError
    part = _part_of_period(value, rate)
    if not 0 <= part < 1:
        raise ValueError
    return part


def _fraction(value: Any) -> Fraction:
    """An exact number. Texts and decimals are looked at first: 1e1000000000 would take all memory and hours."""
    if isinstance(value, str | Decimal):
        text = str(value)
        exponent = re.search(r"[eE]([+-]?\d+)", text)
        if len(text) > _LONGEST or (exponent and (len(exponent[1]) > 4 or abs(int(exponent[1])) > _EXPONENT)):
            raise ValueError
    return Fraction(value)


def _part_of_period(value: Any, rate: Fraction | None) -> float:
    if isinstance(value, bool):
        raise TypeError
    if not isinstance(value, str):
        return float(value)
    match = re.fullmatch(r"\s*([0-9.eE+/-]+?)\s*(deg|°|ms|s|)\s*", value)
    if not match:
        raise ValueError
    part, unit = _fraction(match[1]), match[2]
    if unit in ("deg", "°"):
        return float(part / 360)
    if unit in ("s", "ms") or is_time(value):
        if not rate:
            raise NeedsRate
        periods = part * (rate / 1000 if unit == "ms" else rate)
        if not unit and periods > 1:
            raise Ambiguous(value.strip())
        return float(periods)
    return float(part)


def memory(value: Any) -> int:
    """Bytes from an int or from "4GiB", "512MiB", "1.5G"."""
    size = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,30}(?:\.\d{1,30})?)\s*([kmgt]?)(?:i?b)?\s*", value.lower())
        if not match:
            raise ValueError
        size = int(float(match[1]) * _UNITS[match[2]])
    return positive_integer(size)


def scene_cuts(value: Any) -> Cuts:
    """True, False, "props", or the numbers of the frames that open a scene."""
    if isinstance(value, int):
        return boolean(value)
    if value == "props":
        return "props"
    if isinstance(value, str | bytes):
        raise TypeError
    if not isinstance(value, Iterable):
        raise TypeError
    frames = list(value)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in frames):
        raise ValueError
    return frozenset(frames)


def mapping(value: Any) -> dict[str, object]:
    """Names and values."""
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(key): setting for key, setting in value.items()}
