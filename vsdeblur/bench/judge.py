"""Judging what was restored of one clip: every measure of ``vsdeblur/bench/measures``, over the inner periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.bench.measures import ssimulacra2 as perceptual
from vsdeblur.bench.measures.blocks import block_gains, worst
from vsdeblur.bench.measures.motion import BlurryMotion, Mask
from vsdeblur.bench.measures.overshoot import Range, input_range, instant, overshoot
from vsdeblur.bench.measures.psnr import CAP, by_place, psnr
from vsdeblur.bench.measures.pulse import pulse, sharpness
from vsdeblur.bench.measures.ssim import ssim
from vsdeblur.bench.protocol import Frames


@dataclass(frozen=True, slots=True)
class Calm:
    """overshoot: code values beyond the range of the input (and of the truth). pulse: percent of the sharpness."""

    overshoot: float
    pulse: float


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the inner periods of one clip, or over clips. PSNRs in dB, of 8-bit RGB, each frame's capped at 60.

    deblur: the true sub-frame nearest to m // 2. interp: the other true ones. all: every true sub-frame. by_index:
    PSNR of sub-frame j, j < r, None where no truth is known of it (a pulse shows there). reblur: PSNR of the restored
    frames averaged again, against the blurry ones. flicker: PSNR of the differences between successive true frames.
    ssimulacra2: None where its plugin is not installed. worst: dB, the lowest hundredth of blocks against repeating the
    input. overshoot, pulse: see Calm.
    """

    all: float
    deblur: float
    interp: float
    ssim: float
    reblur: float
    flicker: float
    by_index: tuple[float | None, ...]
    ssimulacra2: float | None
    worst: float
    overshoot: float
    pulse: float

    def as_dict(self) -> dict[str, Any]:
        """The fields by their names."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges sub-frames of one clip; what depends on the clip alone is computed once.

    Attributes:
        sharp: (N * factor, H, W, 3), the sub-frames.
        blurry: (N, H, W, 3), N at least 3.
        factor: sub-frames per period.
        m: of which the first ones were exposed.
        every: one in so many sub-frames is a true frame, from the first on; those between are interpolated, and do
            not count. A divisor of ``factor``.
    """

    sharp: Frames
    blurry: Frames
    factor: int
    m: int
    every: int = 1

    def __call__(self, restored: Frames) -> Score:
        """The score of restored frames, as many and as large as the sharp ones."""
        if restored.shape != self.sharp.shape or len(self.sharp) != len(self.blurry) * self.factor:
            raise ValueError(f"{restored.shape} restored, {self.sharp.shape} sharp, {len(self.blurry)} blurry frames")
        factor, sharp, frames = self.factor, self.sharp, self._frames
        places = range(0, factor, self.every)
        found = by_place(restored, sharp, factor, self.every).mean(axis=0)
        middle = min(range(len(places)), key=lambda i: abs(places[i] - self.m // 2))
        deblur = float(found[middle])
        interp = float(np.delete(found, middle).mean()) if len(places) > 1 else deblur
        gains = [block_gains(restored[k], self.blurry[k // factor], sharp[k]) for k in frames]
        calm = self.calm(restored)
        return Score(
            all=float(found.mean()),
            deblur=deblur,
            interp=interp,
            ssim=_mean(ssim(restored[k], sharp[k]) for k in frames),
            reblur=_mean(psnr(self._exposed(restored, n), self.blurry[n]) for n in self._inner),
            flicker=self._flicker(restored),
            by_index=tuple(float(found[j // self.every]) if j in places else None for j in range(factor)),
            ssimulacra2=self._perceived(restored),
            worst=worst(np.stack(gains)),
            overshoot=calm.overshoot,
            pulse=calm.pulse,
        )

    def calm(self, restored: Frames) -> Calm:
        """Overshoot and pulse, over every inner sub-frame."""
        inner = slice(self.factor, len(self.sharp) - self.factor)
        return calm(restored, self.factor, self._ranges, self._moving, inner)

    @property
    def _inner(self) -> range:
        return range(1, len(self.blurry) - 1)

    @property
    def _frames(self) -> list[int]:
        return [n * self.factor + j for n in self._inner for j in range(0, self.factor, self.every)]

    @cached_property
    def _motion(self) -> BlurryMotion:
        return BlurryMotion.of(self.blurry, self.m / self.factor)

    @cached_property
    def _moving(self) -> Mask:
        return self._motion.moving

    @cached_property
    def _ranges(self) -> list[Range]:
        inner = range(self.factor, len(self.sharp) - self.factor)
        shutter = self.m / self.factor
        found = (input_range(self.blurry, self._motion, instant(k, self.factor, shutter)) for k in inner)
        return [one.with_truth(self.sharp[k]) for one, k in zip(found, inner, strict=True)]

    def _exposed(self, restored: Frames, n: int) -> npt.NDArray[np.float64]:
        begin = n * self.factor
        mean: npt.NDArray[np.float64] = restored[begin : begin + self.m].mean(axis=0)
        return mean

    def _perceived(self, restored: Frames) -> float | None:
        if not perceptual.available():
            return None
        return _mean(perceptual.ssimulacra2(restored[self._frames], self.sharp[self._frames]))

    def _flicker(self, restored: Frames) -> float:
        pairs = [(k, k + self.every) for k in self._frames[:-1]]
        return _mean(psnr(_step(restored, *pair), _step(self.sharp, *pair)) for pair in pairs) if pairs else CAP


def calm(restored: Frames, factor: int, ranges: Sequence[Range], moving: Mask, inner: slice) -> Calm:
    """Overshoot of the ``inner`` outputs, one of ``ranges`` each, and the pulse of all outputs."""
    sharp = [sharpness(frame, moving) for frame in restored]
    return Calm(overshoot(restored[inner], ranges, moving), pulse(sharp, factor))


def mean_score(scores: Sequence[Score]) -> Score:
    """The mean over clips of every number; of a place in the period over the clips where it is known."""
    first = scores[0]
    names = [name for name in first.as_dict() if name != "by_index"]
    means: dict[str, Any] = {name: _known_mean(getattr(s, name) for s in scores) for name in names}
    columns = zip(*(s.by_index for s in scores), strict=True)
    return replace(first, by_index=tuple(map(_known_mean, columns)), **means)


def _step(frames: Frames, first: int, second: int) -> npt.NDArray[np.int16]:
    step: npt.NDArray[np.int16] = np.subtract(frames[second], frames[first], dtype=np.int16)
    return step


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _known_mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _mean(known) if known else None
