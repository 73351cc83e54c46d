"""Windows of clips with repeated frames: which frames are pictures of their own, and when those were taken.

Two things make a clip repeat a frame. A slow camera in a fast clip (24 in 30 frames a second): every frame shows the
newest picture there was, so that a picture which is shown longer was on time, and those after it are late, by what adds
up until the next one that is. Or a camera that missed a frame: then all are on time, and things have moved twice as far
by the next picture. How far they move across a repeat, against how far they do beside it, decides which.

A picture's time is judged from its neighbours alone, so that windows which share a picture agree on it.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from itertools import accumulate, pairwise
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from vsdeblur.clip.pauses import usual_durations
from vsdeblur.clip.repeats import Thumbnail, find_repeats
from vsdeblur.settings import Options

log = logging.getLogger("vsdeblur")

REACH = 6  # frames beyond a window on either side: what the times of the pictures in its halo are judged from
_SPAN = 5  # pictures over which lateness is spread where no other repeat is so near
_LAST = 1 - 2**-20  # of the period of the last picture: instants past it stay there
_MOVING = 0.25  # of the fastest motion: slower points say little about how far things move
_FLOW_ERROR = 0.1  # pixels of thumbnails
_LONGER = 1.2  # times as long as the one beside it: a picture that counts as shown longer


@dataclass(frozen=True, eq=False, kw_only=True)
class ChunkNeighbourhood:
    """The frames around a chunk, as thumbnails.

    Attributes:
        thumbnails: Of frames ``start`` on of the clip.
        start: Number in the clip of the first of them.
        begin: Number of the chunk's first frame.
        end: Number after that of its last one.
        halo: Pictures that the chunk's window has on either side.
        at_start: Whether the clip begins with the first thumbnail.
        at_end: Whether it ends with the last one.
        cuts: Numbers of frames that are known to open a scene.
    """

    thumbnails: Sequence[Thumbnail]
    start: int
    begin: int
    end: int
    halo: int
    at_start: bool
    at_end: bool
    cuts: frozenset[int] = frozenset()
    _flows: dict[int, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False)

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
        """Numbers in the clip of the window's frames, no more than without repeats."""
        first, last = (bisect_right(self.pictures, n) - 1 for n in (self.begin, self.end - 1))
        # The first picture may repeat one from before the thumbnails.
        left = max(first - self.halo, 0 if self.at_start else min(first, 1))
        late = 1 if self.repeats else 0  # a picture that is late was taken in this chunk's time already
        right = min(last + 1 + late + self.halo, left + self.end - self.begin + 2 * self.halo)
        if (first - left < self.halo and not self.at_start) or (right > len(self.pictures) and not self.at_end):
            _warn_of_few_pictures(self.halo)
        return self.pictures[left:right]

    def picture_times(self, durations: Sequence[float | Fraction], cuts: frozenset[int]) -> PictureTimes:
        """When the pictures were taken.

        Args:
            durations: For how long each frame is shown, in any unit.
            cuts: Numbers in the clip of the frames that open a scene.

        Returns:
            The times in that unit, from the first thumbnail's on.
        """
        shown = [float(duration) for duration in durations]
        times = tuple(accumulate(shown, initial=0.0))
        opens = [times[n - self.start] for n in self.pictures] + [times[-1]]
        periods = [after - before for before, after in pairwise(opens)]
        scenes = frozenset(k for k, n in enumerate(self.pictures) if n in cuts)
        # A pause is no late picture, and the picture that opens it was on time, as one that opens a scene.
        pauses = frozenset(k for k, usual in enumerate(usual_durations(periods)) if usual < periods[k])
        longer = [k for k in self._shown_longer(periods, scenes) if k not in pauses]
        if longer and self._are_late(periods, scenes, longer):
            _spread_lateness(opens, periods, longer, scenes | pauses)
        first = self.pictures.index(self.kept[0])
        known = slice(0 if self.at_start else 1, len(periods) if self.at_end else -1)
        return PictureTimes(
            start=self.start,
            frame_times=times,
            kept=self.kept,
            opens=tuple(opens[first : first + len(self.kept) + 1]),
            period=median(usual_durations(periods)[known] or usual_durations(periods)),
            frame_period=median(usual_durations(shown)),
        )

    def _shown_longer(self, periods: Sequence[float], scenes: frozenset[int]) -> list[int]:
        """The pictures that are repeated, and so shown longer than one beside them."""
        repeated = [k for k, n in enumerate(self.pictures) if n + 1 in self.repeats and (k or self.at_start)]
        return [k for k in repeated if self._briefer_beside(k, periods, scenes)]

    def _briefer_beside(self, k: int, periods: Sequence[float], scenes: frozenset[int]) -> list[int]:
        """Which pictures beside picture k, in its scene, are shown for less time."""
        beside = [n for n, opening in ((k - 1, k), (k + 1, k + 1)) if opening not in scenes]
        return [n for n in beside if 0 <= n < len(periods) and periods[k] > _LONGER * periods[n]]

    def _are_late(self, periods: Sequence[float], scenes: frozenset[int], longer: Sequence[int]) -> bool:
        """Whether things move no further to the picture after a repeat than to any other; so where nothing moves."""
        exponents = []  # of  distance ~ time: 0 for pictures that are late, 1 for pictures that are on time
        for k in longer:
            briefer = self._briefer_beside(k, periods, scenes)
            if any(n + 1 in scenes or n + 1 >= len(self.pictures) for n in (k, *briefer)):
                continue
            beside = np.mean([self._distance(n) for n in briefer], axis=0)
            moving = beside > max(_MOVING * np.quantile(beside, 0.95), _FLOW_ERROR)
            if moving.any():
                further = float(np.median((self._distance(k)[moving] + _FLOW_ERROR) / (beside[moving] + _FLOW_ERROR)))
                exponents.append(math.log(further) / math.log(periods[k] / fmean(periods[n] for n in briefer)))
        return not exponents or median(exponents) < 0.5

    def _distance(self, k: int) -> NDArray[np.float32]:
        """How far each point moves from picture k to the next, (h, w), in pixels of thumbnails."""
        if k not in self._flows:
            import torch

            from vsdeblur.flow.dis import DisFlow

            a, b = (torch.from_numpy(self.thumbnails[n - self.start])[None] for n in self.pictures[k : k + 2])
            self._flows[k] = np.linalg.norm(DisFlow("fast")(a, b).numpy(), axis=0)
        return self._flows[k]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTimes:
    """When the pictures of a window were taken, in the unit of the frames' durations.

    Attributes:
        start: Number in the clip of the frame at time 0.
        frame_times: When each frame from ``start`` on is first shown, and the end of the last one.
        kept: Numbers in the clip of the window's frames, its pictures.
        opens: When the exposure of each opened, and that of the next one.
        period: Median time between pictures.
        frame_period: Median time between frames.
    """

    start: int
    frame_times: tuple[float, ...]
    kept: tuple[int, ...]
    opens: tuple[float, ...]
    period: float
    frame_period: float

    @property
    def durations(self) -> tuple[float, ...]:
        """From the opening of each picture's exposure to that of the next."""
        return tuple(after - before for before, after in pairwise(self.opens))

    def to_window(self, cuts: frozenset[int]) -> frozenset[int]:
        """Numbers of frames in the clip as the window counts them: one more from picture to picture."""
        return frozenset(self.kept[0] + k for k, n in enumerate(self.kept) if n in cuts)

    def instant(self, t: float) -> float:
        """An instant in periods of the clip's frames as one in periods of the window's pictures."""
        n = min(max(math.floor(t) - self.start, 0), len(self.frame_times) - 2)
        time = self.frame_times[n] + (t - self.start - n) * (self.frame_times[n + 1] - self.frame_times[n])
        k = min(max(bisect_right(self.opens, time) - 1, 0), len(self.kept) - 1)
        part = (time - self.opens[k]) / (self.opens[k + 1] - self.opens[k])
        return self.kept[0] + k + min(part, _LAST)

    def time_of(self, name: str, part: float, options: Options) -> float:
        """How long a "shutter" or "readout" lasts that is given as a part of the period."""
        return part * (self.frame_period if name in options.given_as_time else self.period)

    def shutter_of_frame(self, frame: int, exposure: float, options: Options) -> float:
        """What ``timing.instant`` takes for the shutter of a frame, as a part of the time for which that is shown.

        It adds ``options.readout`` of that time; so what the true readout is longer by is part of this.
        """
        n = frame - self.start
        time = exposure + self.time_of("readout", options.readout, options)
        return time / (self.frame_times[n + 1] - self.frame_times[n]) - options.readout


def _spread_lateness(opens: list[float], periods: list[float], longer: Sequence[int], on_time: frozenset[int]) -> None:
    """Move the pictures after a repeat, up to the next repeat, to where an even pace puts them.

    Where no other repeat is in reach: at the pace before, or else evenly up to the next of ``on_time``, the first
    pictures of scenes and those of pauses, or _SPAN pictures.
    opens: of each picture and the end of the last one. periods: what is between pictures, where that is now known.
    """
    ends = sorted({*on_time, len(opens) - 1})
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
def _warn_of_few_pictures(halo: int) -> None:
    log.warning("frames are repeated so often that motion is found from fewer than %d pictures on a side", halo)
