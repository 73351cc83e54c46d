"""Pairs of pictures that two videos show at the same moment, upright and of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.stamps import exact, timed

Picture = npt.NDArray[np.uint8]  # (H, W, 3), RGB

_FASTEST = 240  # pairs per second
_SAME_LENGTH = 0.02  # of two lengths that count as one
_SAME_SHAPE = 0.02  # of two aspect ratios
_HELD = Fraction(1, 2)  # seconds before the start from which on frames are read: the last of them is still shown
_EXACT = 1_000_000  # denominator at most of a start that was given in decimals


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture scaled to (H, W)."""
    if picture.shape[:2] == size:
        return picture
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True)
class Pairing:
    """How two videos are shown beside each other.

    Attributes:
        before: Path of the first one.
        after: Path of the second one.
        rate: Pairs per second: the higher rate of the two.
        slow: How many times as long the second one takes for the same.
        offset: Seconds of the first one at which the second one begins.
        map: Path of a map of the second one, which has its times; None for none.
        size: (H, W) of every picture, even.
    """

    before: str
    after: str
    rate: Fraction
    slow: float
    size: tuple[int, int]
    offset: float = 0.0
    map: str | None = None

    @classmethod
    def of(
        cls,
        before: str,
        after: str,
        width: int,
        offset: float | None = None,
        slow: float | None = None,
        map_path: str | None = None,
    ) -> Pairing:
        """Look at both files.

        Args:
            before: Path of the first one.
            after: Path of the second one.
            width: Pixels that pictures are wide at most.
            offset: Seconds of the first one at which the second one begins: of a part; None for both whole.
            slow: How many times as long the second one takes for the same; None by their lengths, which those of a
                part do not show.
            map_path: Of a map of the second one.

        Raises:
            InputError: One of them is no video that can be decoded.
            DeblurError: They do not show pictures of the same shape.
        """
        first, second = _Look.at(before), _Look.at(after)
        if abs(first.aspect / second.aspect - 1) > _SAME_SHAPE:
            raise DeblurError(f"{before} is {first}, {after} is {second}", "give two videos of the same picture")
        if map_path is not None:
            third = _Look.at(map_path)
            if abs(second.aspect / third.aspect - 1) > _SAME_SHAPE:
                raise DeblurError(f"{after} is {second}, {map_path} is {third}", "give the map of the same job")
        if slow is None:
            ratio = second.length / first.length if offset is None and first.length and second.length else 1.0
            slow = ratio if abs(ratio - 1) > _SAME_LENGTH else 1.0
        shown = min(width, second.width)
        size = 2 * max(round(shown / second.aspect / 2), 1), 2 * max(shown // 2, 1)
        rate = min(max(first.rate, second.rate), Fraction(_FASTEST))
        return cls(before, after, rate, slow, size, offset or 0.0, map_path)

    def pairs(self, start: float, duration: float) -> Iterator[tuple[Picture, ...]]:
        """Both pictures at every moment, and the map where there is one.

        Args:
            start: Seconds of the first video at which it begins, from where the second one does.
            duration: Seconds of the second one, at most.
        """
        first = _Shown(self.before, self.offset + start, duration / self.slow, self.size)
        others = [
            _Shown(path, start * self.slow, duration, self.size) for path in (self.after, self.map) if path is not None
        ]
        for k in range(max(round(duration * self.rate), 1)):
            time = (k + Fraction(1, 2)) / self.rate
            shown = [first.at(time / Fraction(self.slow)), *(other.at(time) for other in others)]
            pictures = tuple(picture for picture in shown if picture is not None)
            if len(pictures) < len(shown):
                return
            yield pictures


@dataclass(frozen=True, slots=True)
class _Look:
    """The picture of a video as players show it, its rate, and its length in seconds (0 where it is not known)."""

    width: int
    height: int
    rate: Fraction
    length: float

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def at(cls, path: str) -> _Look:
        with Source(path) as source:
            rate = source.rate or Fraction(25)
            frame = next(source.frames(), None)
            if frame is None:
                raise DeblurError(f"{path}: nothing of its video can be decoded")
            ratio = exact(source.video.sample_aspect_ratio) or Fraction(1)
            width, height = round(frame.width * ratio), frame.height
            if round(frame.rotation / 90) % 2:
                width, height = height, width
            return cls(width, height, rate, float(source.total / rate) if source.total else 0.0)


class _Shown:
    """What a video shows as time goes on, (H, W, 3)."""

    def __init__(self, path: str, start: float, duration: float, size: tuple[int, int]) -> None:
        self._size, self._start = size, Fraction(start).limit_denominator(_EXACT)
        early = max(self._start - _HELD, Fraction(0))
        self._coming = self._read(path, ReadOptions(start=early, duration=self._start - early + Fraction(duration)))
        self._next = next(self._coming, None)
        self._picture: Picture | None = None
        self._until = Fraction(0)

    def at(self, time: Fraction) -> Picture | None:
        """The picture at a time since the start, which never falls from call to call; None past the end."""
        while self._next is not None and (self._picture is None or self._next[0] <= time):
            _, self._until, self._picture = self._next
            self._next = next(self._coming, None)
        return self._picture if self._next is not None or time <= self._until else None

    def _read(self, path: str, options: ReadOptions) -> Iterator[tuple[Fraction, Fraction, Picture]]:
        with Source(path, options) as source:
            for item in timed(source.frames(), source.rate, warn=lambda _: None):
                pixels = np.asarray(item.frame.to_ndarray(format="rgb24"), np.uint8)
                time = item.time - source.origin - self._start
                upright = np.rot90(pixels, round(item.frame.rotation / 90))
                yield time, time + item.duration, resized(upright, self._size)
