"""What is looked at of a file, read once, and what it tells, kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error

from vsdeblur.calibration.readout.clip import place_drift
from vsdeblur.calibration.readout.fit import Estimate, fit
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.response.fit import Estimate as Response
from vsdeblur.calibration.shutter.clip import Pooled, clip_shutter
from vsdeblur.clip.repeats import distinct, thumbnail
from vsdeblur.clip.samples import LONGEST, RUN, Place, each, spots
from vsdeblur.device import single_thread
from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.timeline import exact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsdeblur.calibration.readout.evidence import Drift

    Plane = NDArray[np.number[Any]]

_SHORT = 600  # frames that are read through where the container does not say where its key frames lie
_FAR = 300  # frames that are read past to the next place, at most


class Survey:
    """A part of a file, looked at in several places.

    What it tells is found when it is asked for, once in a process: what is said before a job is what the job uses. The
    frames are held as long as the survey is.
    """

    def __init__(
        self, path: str, transfer: str | None = None, begin: Fraction | None = None, length: Fraction | None = None
    ) -> None:
        """transfer: None for by the file's tags. begin, length: the part, in seconds."""
        self.path = path
        self._part = transfer, begin, length

    @cached_property
    def places(self) -> list[Place]:
        transfer, begin, length = self._part
        with single_thread(), Source(self.path, start=begin, duration=length) as source:
            return list(file_places(source, transfer))

    @property
    def shutter(self) -> Pooled:
        return self._told("shutter", lambda: clip_shutter(self.places))

    @property
    def drifts(self) -> list[tuple[Drift, tuple[float, ...]]]:
        """How the picture moves in each place that tells, and when the frames of that place are shown."""
        return self._told(
            "drifts",
            lambda: [
                (drift, place.times)
                for drift, place in zip(each(place_drift, self.places), self.places, strict=True)
                if drift
            ],
        )

    @property
    def readout(self) -> Estimate:
        return self._told("readout", lambda: fit([drift for drift, _ in self.drifts]))

    @property
    def response(self) -> Response:
        """Of values as they are stored: of a survey whose transfer is "linear"."""
        return self._told("response", lambda: clip_response(self.places))

    def _told[T](self, question: str, find: Callable[[], T]) -> T:
        status = Path(self.path).stat()
        known = _known(self.path, status.st_mtime_ns, status.st_size, self._part)
        if question not in known:
            known[question] = find()
        return cast("T", known[question])


@lru_cache(maxsize=4)
def _known(*file: object) -> dict[str, Any]:
    return {}


def file_places(source: Source, transfer: str | None) -> Iterator[Place]:
    """Each from where it should begin or the key frame before; by reading on where there is none that is new."""
    frames, at = source.frames(), 0  # number in the part of the frame that comes next, about
    for run in spots(min(source.total or _SHORT, _SHORT if source.rate is None else source.total or _SHORT)):
        jumps = run.start > at and _jumps(source, at, run.start)
        if not jumps and run.start - at > _FAR:
            continue
        try:
            if jumps:
                frames = _from(source, run.start)
                held = list(islice(frames, RUN))
                late = run.start - _number(source, held[0]) if held else 0
                if 0 < late <= RUN:  # where it should begin, if that is near
                    held = [*held, *islice(frames, late)][late:]
            else:
                held = list(islice(frames, run.start - at, run.stop - at))
        except av.error.FFmpegError:  # the job itself will say what is wrong there
            continue
        number = _number(source, held[0]) if jumps and held else run.start
        new = number >= at
        at = number + len(held)
        if held and new:
            yield _place(held, transfer, source.origin)


def _jumps(source: Source, at: int, start: int) -> bool:
    """Whether a key frame lies between frames ``at`` and ``start``, or may, as far as the container says."""
    assert source.rate is not None
    keys, end = source.listed
    tick = (source.begin + start / source.rate) / source.tick
    if end < tick:
        return (source.total or 0) > _SHORT
    before = bisect_right(keys, tick)
    return before > 0 and (keys[before - 1] * source.tick - source.begin) * source.rate >= at


def _from(source: Source, start: int) -> Iterator[av.VideoFrame]:
    assert source.rate is not None
    source.container.seek(int((source.begin + start / source.rate) * av.time_base))
    return cast("Iterator[av.VideoFrame]", source.container.decode(source.video))


def _number(source: Source, frame: av.VideoFrame) -> int:
    assert source.rate is not None
    time = source.begin if frame.pts is None else frame.pts * exact(frame.time_base)
    return round((time - source.begin) * source.rate)


def _place(frames: Sequence[av.VideoFrame], transfer: str | None, origin: Fraction) -> Place:
    """Of frames of the first one's kind alone, and without those that repeat the one before."""
    import torch

    frames = [frame for frame in frames if kind(frame) == kind(frames[0])]
    converter = Converter(frames[0], transfer)
    colour = converter.colour
    if colour.family == "YUV":  # luma tells enough
        colour = replace(colour, family="GRAY", sub_w=0, sub_h=0)
    stored = [[_small(plane) for plane in converter.source.read(frame)[: colour.channels]] for frame in frames]
    peak = 1.0 if converter.source.is_float else float((1 << converter.source.bits) - 1)
    kept = distinct([thumbnail(planes, peak) for planes in stored])
    light = torch.stack([colour.decode(stored[n]) for n in kept])
    shown = [frames[n].pts for n in kept]
    unit = exact(frames[0].time_base)
    times = tuple(float(pts * unit - origin) for pts in shown if pts is not None)
    return Place.of(light, linear=colour.transfer != "linear", times=times)


def _small(plane: Plane) -> NDArray[np.float32]:
    """Averaged as stored, for a tenth of the time that averages of light take; nothing is told from the difference."""
    import cv2
    import numpy as np

    scale = -(-max(plane.shape) // LONGEST)
    size = (-(-plane.shape[1] // scale), -(-plane.shape[0] // scale))
    return np.asarray(cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
