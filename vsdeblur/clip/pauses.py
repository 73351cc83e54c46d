"""Frames that are shown far longer than those beside them: the picture rests, it is no slow motion.

Screen recorders store a frame when something changes, and phones stall. At a constant rate such a picture is stored
again and again, and what stands for longer than ``repeats.LONGEST`` repeats is no late picture but a pause. A frame of
a variable rate that lasts as long is read in the same way: as the picture once more for the usual period when it
appears, at rest, and once more for the usual period before the next picture. Then what moves does so within that last
period. At rest the past and the future have no part in one another, so a window is split there and none grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import median_low
from typing import NamedTuple

from vsdeblur.clip.repeats import LONGEST
from vsdeblur.window import Window

_BESIDE = 2  # frames on either side that say what is usual, or as many in all where a side has fewer
_TOLERANCE = 1e-3  # relative, of timestamps that were rounded to ticks
_LAST = 1 - 2**-20  # of a frame's time: instants past it stay there


class Part(NamedTuple):
    """A window, and the instants that are rendered from it, as it counts frames."""

    window: Window
    instants: list[float]


def usual_durations(durations: Sequence[float | Fraction]) -> list[float]:
    """The durations of frames, those of pauses as long as is usual beside them.

    >>> usual_durations([1, 1, 90, 60, 1])
    [1.0, 1.0, 1.0, 1.0, 1.0]
    >>> usual_durations([1, 4, 1, 4])  # no more than three repeats: a picture that was missed
    [1.0, 4.0, 1.0, 4.0]
    """
    usual = []
    shown = [float(duration) for duration in durations]
    for n, duration in enumerate(shown):
        first = max(min(n, len(shown) - 1 - _BESIDE) - _BESIDE, 0)
        beside = [*shown[first:n], *shown[n + 1 : first + 2 * _BESIDE + 1]] or [duration]
        period = median_low(beside)
        usual.append(period if duration > (LONGEST + 1) * (1 + _TOLERANCE) * period else duration)
    return usual


def split_at_pauses(window: Window, instants: Sequence[float], halo: int) -> list[Part]:
    """The parts of a window between its pauses; the window itself where there is none.

    Args:
        window: Of a chunk. Where it has pauses, the path of its camera is dropped.
        instants: Of the chunk's outputs, ascending, in the window's count.
        halo: Frames on either side of a chunk in its window.
    """
    held = _held(window.durations or ())
    resting = [k for k, one in enumerate(held) if one.rests]
    if not resting:
        return [Part(window, list(instants))]
    places = [_place(held, window, t) for t in instants]
    parts = []
    for first, last in zip([0, *resting], [*resting, len(held) - 1], strict=True):
        mine, places = (
            [place for place in places if place < last + 1],
            [place for place in places if place >= last + 1],
        )
        if mine:
            begin, end = math.floor(mine[0]), math.floor(mine[-1]) + 1
            near = range(max(begin - halo, first), min(end + halo, last + 1))
            part = _part(window, held, near)
            parts.append(Part(replace(part, first=begin - near.start, count=end - begin), mine))
    return parts


class _Held(NamedTuple):
    """Frame ``n`` of a window for a part of the time that it is shown.

    Attributes:
        n: Number in the window.
        opens: After the frame's timestamp, in the unit of durations.
        duration: Of the part.
        rests: Whether it is the pause.
    """

    n: int
    opens: float
    duration: float
    rests: bool = False


def _held(durations: Sequence[float]) -> list[_Held]:
    """How the frames are read: pauses in three, all others as they are."""
    held = []
    for n, (whole, usual) in enumerate(zip(durations, usual_durations(durations), strict=True)):
        if usual == whole:
            held.append(_Held(n, 0.0, whole))
        else:
            rest = whole - 2 * usual
            held += [_Held(n, 0.0, usual), _Held(n, usual, rest, rests=True), _Held(n, usual + rest, usual)]
    return held


def _place(held: Sequence[_Held], window: Window, t: float) -> float:
    """An instant of the window as one among the frames as they are read."""
    durations = window.durations or ()
    n = min(max(math.floor(t) - window.start, 0), len(durations) - 1)
    since = (t - window.start - n) * durations[n]
    k = max(k for k, one in enumerate(held) if one.n == n and (one.opens <= since or one.opens == 0))
    return k + min((since - held[k].opens) / held[k].duration, _LAST)


def _part(window: Window, held: Sequence[_Held], near: range) -> Window:
    """The window of some of the frames as they are read, which it counts by their places."""
    some, whole = [held[k] for k in near], window.durations or ()
    numbers = [one.n for one in some]
    follows = [k > near.start and not held[k].opens for k in near]  # another picture, which is in the part too
    exposures = None if window.shutters is None else [window.shutters[one.n] * whole[one.n] for one in some]
    return replace(
        window,
        frames=window.frames[numbers],
        start=near.start,
        cuts=frozenset(k for k in near if held[k].n + window.start in window.cuts and not held[k].opens),
        durations=tuple(one.duration for one in some),
        shutters=None
        if exposures is None
        else tuple(min(s / one.duration, 1.0) for s, one in zip(exposures, some, strict=True)),
        camera=None,
        light=window.light and window.light.frames(numbers, follows),
        overlay=window.overlay and window.overlay.frames(numbers),
    )
