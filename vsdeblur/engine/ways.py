"""The ways in which a place of an output is restored, as maps and reports have them."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """One way.

    Attributes:
        name: Of it, in reports.
        colour: On maps, RGB of 255; None for the picture's own grey.
        words: What it means.
    """

    name: str
    colour: tuple[int, int, int] | None
    words: str


WAYS = (
    Way("sharpened", (64, 176, 96), "sharpened, by the motion that was found"),
    Way("moved", (230, 96, 64), "fall-back: the input, moved along a motion that is not certain"),
    Way("alone", (168, 104, 216), "restored by itself, without its neighbours"),
    Way("lights", (236, 200, 64), "a moving light that clips"),
    Way("overlay", (72, 144, 232), "text or a logo: the input"),
    Way("still", None, "does not move: the input"),
)
SHARPENED, MOVED, ALONE, LIGHTS, OVERLAY, STILL = range(len(WAYS))
