"""Stretches of real clips as footage: crops that move by what is wanted per period, on a grid of sub-frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from vsdeblur.errors import InputError
from vsdeblur.training.clips import CELL, ClipFile, Frames
from vsdeblur.training.footage import COMB, Opening
from vsdeblur.training.oversample import oversampled
from vsdeblur.training.paths import Array

_SPACING = 1.25  # pixels of motion between sub-frames, at most, where blur is to be continuous
_FASTEST = 4 * _SPACING  # pixels per frame where sub-frames are made: what is faster is blurred in the source already
_FEWEST = 6  # sub-frames per period
_LONGEST = 24  # frames per period
_FASTER = 1.5  # times the most motion that is wanted: averaged stretches have the pace of their clip
_RELIABLE = 0.96  # share of a picture's pixels whose flow has to be reliable where sub-frames are made
_MOST_TRIES = 1000
_SOFT, _SHARP = 2.0, 6.0  # sharpness that is never, and always, sharp enough: what is soft teaches to soften
_PLACES = 12  # among which the ones that move are drawn
_STILL = 0.02  # pixels per frame: added to a place's motion as the weight that it is drawn with


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Footage of a real clip.

    Args:
        frames: (n, size, size, 3) sub-frames, an odd number; the one in the middle is a frame of the clip.
        per: Sub-frames per period.
        gamma: Values are taken for light ** (1 / gamma).
        brightness: Factor on the light, above 1 for lights that clip.
        averaged: Whether sub-frames lie too far apart for an exposure to be anything but their mean.
    """

    frames: Frames
    per: int
    gamma: float
    brightness: float
    averaged: bool

    def opening(self, rng: np.random.Generator, centred: bool) -> Opening:
        """Any number of a period's sub-frames, an odd one where the middle must be one of them."""
        count = self.per if rng.random() < 0.3 else int(rng.integers(1, self.per + 1))
        if centred and count % 2 == 0:
            count -= 1
        return Opening(count / self.per, (np.arange(count) - (count - 1) / 2) / self.per, self.averaged)

    def instants(self, times: Array, opening: Opening) -> Array:
        """Those of sub-frames: between them where an even number of them is open."""
        offset = 0.0 if len(opening.at) % 2 else 0.5
        found: Array = (np.round(times * self.per - offset) + offset) / self.per
        return found

    def light(self, times: Array, device: torch.device) -> Tensor:
        """(T, 3, size, size) at the sub-frames of ``times``; of instants half-way between two the later one's."""
        numbers = np.floor(times * self.per + len(self.frames) // 2 + 0.5 + 1e-6).astype(int)
        values = torch.from_numpy(self.frames[numbers]).to(device).permute(0, 3, 1, 2).float() / 255
        return values**self.gamma * self.brightness


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What stretches are to be like.

    Args:
        size: Pixels per side.
        periods: Of exposures around the middle, an odd number.
        motion: Pixels per period, from and to, drawn from logarithmically.
        multiple: A power of two that divides the sub-frames per period, so that its halves or quarters are on them.
        averaged: Share of the stretches whose blur is the mean of frames as they are, however far apart.
    """

    size: int
    periods: int
    motion: tuple[float, float]
    multiple: int = 1
    averaged: float = 0.0


def random_stretch(rng: np.random.Generator, clips: Sequence[ClipFile], wanted: Wanted) -> Stretch:
    """A random place in a random clip, scaled and cropped, half a sub-frame to spare at either end.

    Raises:
        InputError: Where none is found that can be used.
    """
    averaged = bool(rng.random() < wanted.averaged)
    for _ in range(_MOST_TRIES):
        found = _tried(rng, clips[int(rng.integers(len(clips)))], wanted, averaged)
        if found is not None:
            return found
    low, high = wanted.motion
    raise InputError(
        f"no stretch of {len(clips)} clips moves by {low:g} to {high:g} pixels per period, or has enough frames"
    )


def _tried(rng: np.random.Generator, clip: ClipFile, wanted: Wanted, averaged: bool) -> Stretch | None:
    """A stretch of this clip, None where the place that was drawn is of no use."""
    shorter, total = min(clip.frames.shape[1:3]), len(clip.frames)
    if wanted.size > shorter:
        raise ValueError(f"stretches of {wanted.size} pixels from clips of {shorter}")
    source = int(np.exp(rng.uniform(np.log(wanted.size), np.log(shorter))))
    place = _place(rng, clip, source, wanted.periods * COMB)
    speed = place.speed * wanted.size / source
    motion = float(np.exp(rng.uniform(*np.log(wanted.motion))))
    between = 1 if averaged else _power_of_two(speed / _SPACING)
    stride = COMB if averaged else _multiple(motion / max(speed, 1e-3), max(wanted.multiple // between, 1))
    while stride * between < _FEWEST:
        between *= 2
    around = (wanted.periods * stride + 1) // 2 + 1
    too_fast = speed * stride > _FASTER * wanted.motion[1] if averaged else speed > _FASTEST
    if too_fast or 2 * around >= total:
        return None
    middle = int(np.clip(place.middle, around, total - 1 - around))
    rows, columns = (slice(x, x + source) for x in (place.y, place.x))
    sharp = sharpness(_scaled(clip.frames[middle, rows, columns], wanted.size))
    if rng.random() > (sharp - _SOFT) / (_SHARP - _SOFT):
        return None
    crop = np.ascontiguousarray(clip.frames[middle - around : middle + around + 1, rows, columns])
    frames = oversampled(crop, between, _RELIABLE)
    if frames is None:
        return None
    frames = np.stack([_scaled(frame, wanted.size) for frame in frames])
    gamma = float(rng.choice([1.0, 1.0, 1.8, 2.2, 2.4]))
    brightness = float(rng.uniform(1.0, 2.0)) if rng.random() < 0.2 else 1.0
    return Stretch(frames, stride * between, gamma, brightness, averaged)


def sharpness(frame: Frames) -> float:
    """How much finer detail a frame (H, W, 3) has than its half: variances of the Laplacian, one over the other.

    The half is scaled back to the frame's size before. Photographs of a few hundred pixels have 5 to 8, soft video 2 to
    4.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    back = cv2.resize(half, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    fine, coarse = (float(cv2.Laplacian(x, cv2.CV_32F).var()) for x in (grey, back))
    return fine / max(coarse, 1e-3)


def _scaled(frame: Frames, size: int) -> Frames:
    return np.asarray(cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _power_of_two(least: float) -> int:
    return 1 << max(int(np.ceil(np.log2(max(least, 1e-3)))), 0)


def _multiple(value: float, of: int) -> int:
    return of * int(np.clip(round(value / of), 1, max(_LONGEST // of, 1)))


class _Place(NamedTuple):
    """Where a stretch begins: its corner, the frame in its middle, and pixels of motion per frame around that."""

    y: int
    x: int
    middle: int
    speed: float


def _place(rng: np.random.Generator, clip: ClipFile, source: int, frames: int) -> _Place:
    """A place of the clip; one that moves is more likely than one that does not."""
    height, width = clip.frames.shape[1:3]
    half = min(frames // 2, (len(clip.frames) - 1) // 2)
    places, weights = [], []
    for _ in range(_PLACES):
        y, x = int(rng.integers(height - source + 1)), int(rng.integers(width - source + 1))
        middle = int(rng.integers(half, len(clip.frames) - half))
        cells = (slice(y // CELL, (y + source) // CELL), slice(x // CELL, (x + source) // CELL))
        part = clip.speeds[middle - half : middle + half, *cells]
        places.append(_Place(y, x, middle, float(np.percentile(part, 95))))
        weights.append(float(part.mean()) + _STILL)
    return places[int(rng.choice(len(places), p=np.array(weights) / sum(weights)))]
