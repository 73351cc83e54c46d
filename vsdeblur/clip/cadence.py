"""Windows of clips with repeated frames: which frames are pictures of their own, and when those were taken.

Two things make a clip repeat a frame. A slow camera in a fast clip (24 in 30 frames a second): every frame shows the
newest picture there was, so that a picture which is shown longer was on time, and those after it are late, by what adds
up until the next one that is. Or a camera that missed a frame: then all are on time, and things have moved twice as far
by the next picture. How far they move across a repeat, against how far they do beside it, tells which.

A picture's time is judged from its neighbours alone, so that windows which share a picture agree on it.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import accumulate, pairwise
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from vsdeblur.clip.repeats import Thumbnail, find_repeats
from vsdeblur.options import Options
from vsdeblur.window import Window

log = logging.getLogger("vsdeblur")

REACH = 6  # frames looked at beyond a window on either side: what tells when the pictures of its halo were taken
_SPAN = 5  # pictures over which lateness is made good where no other repeat is so near
_LAST = 1 - 2**-20  # of the period of the last picture: instants past it stay there
SHORTEST = 1e-6  # of the period: a shutter is never quite shut, whatever durations a clip claims
_MOVING = 0.25  # of the fastest: what moves less tells little of how far things move
_FLOOR = 0.1  # pixels of thumbnails by which flow may err
_LONGER = 1.2  # times as long as the one beside it is a picture shown that is called shown longer


@dataclass(frozen=True, eq=False)
class Look:
    """The frames around a chunk, small.

    thumbnails: of frames ``start`` on of the clip. begin, end: the chunk is frames begin .. end - 1. halo: pictures
    that its window is to have on either side. opens, closes: whether the clip does with the first or the last of the
    thumbnails. cuts: frames that are known to open a scene.
    """

    thumbnails: Sequence[Thumbnail]
    start: int
    begin: int
    end: int
    halo: int
    opens: bool
    closes: bool
    cuts: frozenset[int] = frozenset()
    _known: dict[int, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def repeats(self) -> frozenset[int]:
        """Numbers in the clip of the frames that repeat the one before."""
        found = find_repeats(self.thumbnails)
        return frozenset(self.start + n for n, same in enumerate(found) if same) - self.cuts

    @cached_property
    def pictures(self) -> tuple[int, ...]:
        """Numbers in the clip of the other frames."""
        return tuple(n for n in range(self.start, self.start + len(self.thumbnails)) if n not in self.repeats)

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """Numbers in the clip of the frames that the window is to have, no more than without repeats."""
        first, last = (bisect_right(self.pictures, n) - 1 for n in (self.begin, self.end - 1))
        # Of the first picture it is not known whether it repeats one from before the look.
        left = max(first - self.halo, 0 if self.opens else min(first, 1))
        late = 1 if self.repeats else 0  # a picture that is late is seen in this chunk already
        right = min(last + 1 + late + self.halo, left + self.end - self.begin + 2 * self.halo)
        if (first - left < self.halo and not self.opens) or (right > len(self.pictures) and not self.closes):
            _say_few(self.halo)
        return self.pictures[left:right]

    def timed(self, lengths: Sequence[float], cuts: frozenset[int]) -> Timed:
        """When the pictures were taken. lengths: for how long each frame is shown. cuts: frames that open a scene."""
        times = tuple(accumulate(lengths, initial=0.0))
        opens = [times[n - self.start] for n in self.pictures] + [times[-1]]
        periods = [after - before for before, after in pairwise(opens)]
        scenes = frozenset(k for k, n in enumerate(self.pictures) if n in cuts)
        longer = self._longer(periods, scenes)
        if longer and self._late(periods, scenes, longer):
            _make_good(opens, periods, longer, scenes)
        first = self.pictures.index(self.kept[0])
        known = slice(0 if self.opens else 1, len(periods) if self.closes else -1)
        return Timed(
            self.start,
            times,
            self.kept,
            tuple(opens[first : first + len(self.kept) + 1]),
            median(periods[known] or periods),
            median(lengths),
        )

    def _longer(self, periods: Sequence[float], scenes: frozenset[int]) -> list[int]:
        """The pictures that are repeated, and so shown longer than one beside them."""
        repeated = [k for k, n in enumerate(self.pictures) if n + 1 in self.repeats and (k or self.opens)]
        return [k for k in repeated if self._shorter(k, periods, scenes)]

    def _shorter(self, k: int, periods: Sequence[float], scenes: frozenset[int]) -> list[int]:
        """Which pictures beside picture k, in its scene, are shown for less time."""
        beside = [n for n, opening in ((k - 1, k), (k + 1, k + 1)) if opening not in scenes]
        return [n for n in beside if 0 <= n < len(periods) and periods[k] > _LONGER * periods[n]]

    def _late(self, periods: Sequence[float], scenes: frozenset[int], longer: Sequence[int]) -> bool:
        """Whether things move no further to the picture after a repeat than to any other; so where nothing tells."""
        votes = []
        for k in longer:
            shorter = self._shorter(k, periods, scenes)
            if any(n + 1 in scenes or n + 1 >= len(self.pictures) for n in (k, *shorter)):
                continue
            beside = np.mean([self._moved(n) for n in shorter], axis=0)
            moving = beside > max(_MOVING * np.quantile(beside, 0.95), _FLOOR)
            if moving.any():
                further = float(np.median((self._moved(k)[moving] + _FLOOR) / (beside[moving] + _FLOOR)))
                votes.append(math.log(further) / math.log(periods[k] / fmean(periods[n] for n in shorter)))
        return not votes or median(votes) < 0.5

    def _moved(self, k: int) -> NDArray[np.float32]:
        """How far each point moves from picture k to the next, (h, w), in pixels of thumbnails."""
        if k not in self._known:
            import torch

            from vsdeblur.flow.dis import DisFlow

            a, b = (torch.from_numpy(self.thumbnails[n - self.start])[None] for n in self.pictures[k : k + 2])
            self._known[k] = np.linalg.norm(DisFlow("fast")(a, b).numpy(), axis=0)
        return self._known[k]


@dataclass(frozen=True, slots=True)
class Timed:
    """When the pictures of a window were taken. Times are those in which frames are shown, from frame ``start`` on.

    times: when each frame of the look is first shown, and its end. kept: numbers in the clip of the window's frames.
    opens: when the exposure of each opened, and that of the next one. usual: the time between pictures, shown: that
    between frames.
    """

    start: int
    times: tuple[float, ...]
    kept: tuple[int, ...]
    opens: tuple[float, ...]
    usual: float
    shown: float

    def in_window(self, cuts: frozenset[int]) -> frozenset[int]:
        """Frames of the clip that open a scene as the window counts them: one more from picture to picture."""
        return frozenset(self.kept[0] + k for k, n in enumerate(self.kept) if n in cuts)

    def instant(self, t: float) -> float:
        """An instant of the clip, in periods in which frames are shown, as one of the window."""
        n = min(max(math.floor(t) - self.start, 0), len(self.times) - 2)
        time = self.times[n] + (t - self.start - n) * (self.times[n + 1] - self.times[n])
        k = min(max(bisect_right(self.opens, time) - 1, 0), len(self.kept) - 1)
        part = (time - self.opens[k]) / (self.opens[k + 1] - self.opens[k])
        return self.kept[0] + k + min(part, _LAST)

    def shutter_shown(self, frame: int, shutter: float, options: Options) -> float:
        """What ``timing.instant`` is to take for the shutter of a frame: of the time for which that is shown.

        With what the readout is longer than ``options.readout`` of that time, since it adds the two up.
        """
        n = frame - self.start
        time = self._time("shutter", shutter, options) + self._time("readout", options.readout, options)
        return time / (self.times[n + 1] - self.times[n]) - options.readout

    def window(
        self, window: Window, instants: Sequence[float], shutters: float | Sequence[float], options: Options
    ) -> Window:
        """The window of the kept frames with its times. instants: its own. shutters: the options' for all frames, or
        how long each was exposed."""
        durations = [after - before for before, after in pairwise(self.opens)]
        if isinstance(shutters, float):
            shutters = (self._time("shutter", shutters, options),) * len(durations)
        first, last = math.floor(instants[0]), math.floor(instants[-1])
        return replace(
            window,
            first=first - window.start,
            count=last + 1 - first,
            durations=tuple(durations),
            shutters=tuple(min(max(s / d, SHORTEST), 1.0) for s, d in zip(shutters, durations, strict=True)),
            usual=self._time("readout", 1.0, options),
            shown=self.shown,
        )

    def _time(self, name: str, part: float, options: Options) -> float:
        """What a shutter or a readout lasts, given as a part of the period."""
        return part * (self.shown if name in options.timed else self.usual)


def clip_numbers(kept: Sequence[int], cuts: frozenset[int]) -> frozenset[int]:
    """The inverse of ``Timed.in_window``."""
    return frozenset(kept[n - kept[0]] for n in cuts)


def _make_good(opens: list[float], periods: list[float], longer: Sequence[int], scenes: frozenset[int]) -> None:
    """Spread the time that a repeat won over the pictures after it, up to the next repeat.

    Where that is not in sight: at the pace before, or else evenly up to the scene's end, or _SPAN pictures. opens: of
    each picture and the end of the last one. periods: what is between pictures, where that is now known.
    """
    ends = sorted({*scenes, len(opens) - 1})
    pace: float | None = None
    for k, following in zip(longer, [*longer[1:], len(opens)], strict=True):
        stop = min(following, k + _SPAN, next(end for end in ends if end > k))
        period = (opens[stop] - opens[k]) / (stop - k)
        if stop == following:
            pace = period
            periods[k:stop] = [period] * (stop - k)
        for n in range(k + 1, stop):
            opens[n] = min(opens[n], opens[k] + (n - k) * (pace or period))


@cache
def _say_few(halo: int) -> None:
    log.warning("frames are repeated so often that motion is found from fewer than %d pictures on a side", halo)
