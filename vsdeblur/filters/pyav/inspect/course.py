"""What a file shows as time goes on: motion, shutter, noise and cuts, for plots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import av
import av.error

from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect.content import Content, motion_between
from vsdeblur.filters.pyav.inspect.cost import noise_in
from vsdeblur.filters.pyav.inspect.survey import Survey, from_key_frame, number_of

_PLACES = 48  # that motion is measured at, where not all frames were read
_NOISY = 8  # places that noise is measured at


@dataclass(frozen=True, slots=True)
class Course:
    """Each entry begins with its time in seconds since the beginning of what is restored.

    Attributes:
        seconds: length, None where it is not known.
        motion: the median, and what 95 in a hundred places stay below, pixels per frame period.
        shutter: the open part of the period by this place alone, and how sure that is, both up to 1.
        noise: standard deviation in mid grey, of 255.
        cuts: of the frames that were read in a row.
    """

    seconds: float | None
    motion: tuple[tuple[float, float, float], ...]
    shutter: tuple[tuple[float, float, float], ...]
    noise: tuple[tuple[float, float], ...]
    cuts: tuple[float, ...]


def read_course(
    path: str, read: ReadOptions, content: Content, rate: Fraction | None, total: int | None, survey: Survey | None
) -> Course:
    """The course of a file.

    Args:
        path: of it.
        read: which part of it, and by which tags.
        content: of its first frames.
        rate: frames per second; without one there is only the shutter.
        total: how many frames there are, None where that is not known.
        survey: of the same part; None where the shutter is known.
    """
    shutter = () if survey is None else tuple(_shutters(survey, float(read.start or 0)))
    if not rate:
        return Course(None, (), shutter, (), ())
    motion = [(float(n / rate), half, most) for n, half, most in content.motion_at]
    noise: list[tuple[float, float]] = []
    whole = total is None or total <= content.frames
    for n, (time, first, second) in enumerate(_places(path, read, total, _NOISY if whole else _PLACES)):
        if whole or n % (_PLACES // _NOISY) == 0:
            noise.append((time, noise_in(first, Converter(first)).grey))
        found = None if whole else motion_between(first, second)
        if found is not None:
            motion.append((time, *found))
    return Course(
        seconds=None if total is None else float(total / rate),
        motion=tuple(sorted(motion)),
        shutter=shutter,
        noise=tuple(noise),
        cuts=tuple(float(n / rate) for n in content.cuts),
    )


def _shutters(survey: Survey, begin: float) -> Iterator[tuple[float, float, float]]:
    for sample, (shutter, confidence) in zip(survey.samples, survey.shutter.samples, strict=True):
        if sample.times and confidence:
            yield sum(sample.times) / len(sample.times) - begin, float(shutter), float(confidence)


def _places(
    path: str, read: ReadOptions, total: int | None, count: int
) -> Iterator[tuple[float, av.VideoFrame, av.VideoFrame]]:
    """Time and two successive frames of one kind, from key frames spread over the file, each once."""
    with Source(path, replace(read, source_fps=None, progressive=True), quiet=True) as source:
        if not source.rate or total is None or not source.seekable:
            return
        seen = -1
        for start in (n * total // count for n in range(count)):
            try:
                pair = list(islice(from_key_frame(source, start), 2))
            except (av.error.FFmpegError, ValueError):  # the job itself will report what is wrong there
                continue
            if len(pair) < 2 or kind(pair[0]) != kind(pair[1]):
                continue
            number = number_of(source, pair[0])
            if number > seen:
                seen = number
                yield float(number / source.rate), pair[0], pair[1]
