"""Samples of a file, and what is estimated from them, once for each file."""

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

from vsdeblur.calibration.readout.clip import sample_drift
from vsdeblur.calibration.readout.fit import ReadoutEstimate, fit_readout
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.response.fit import ResponseEstimate
from vsdeblur.calibration.shutter.clip import ClipShutter, clip_shutter
from vsdeblur.clip.repeats import distinct, thumbnail
from vsdeblur.clip.samples import MAX_SIDE, SAMPLE_FRAMES, ClipSample, map_samples, sample_ranges
from vsdeblur.device import single_thread
from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.reading import WHOLE, ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.stamps import exact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsdeblur.calibration.readout.evidence import Drift

    Plane = NDArray[np.number[Any]]

_SHORT = 600  # frames that are read through where the container does not say where its key frames lie
_FAR = 300  # frames that are read past to the next place, at most


class Survey:
    """A part of a file, sampled in several places, and its camera's parameters estimated from the samples.

    Each estimate is made on first use, once in a process: a forecast and the job after it share them. The frames are
    held as long as the survey is.
    """

    def __init__(self, path: str, transfer: str | None = None, options: ReadOptions = WHOLE) -> None:
        """Nothing is read yet.

        Args:
            path: of the file.
            transfer: of its values, None by the file's tags.
            options: which part of it, and by which tags it is read.
        """
        self.path, self.gyro = path, options.gyro
        self._part = transfer, replace(options, source_fps=None, progressive=True)  # places go by the file's own times

    @cached_property
    def samples(self) -> list[ClipSample]:
        """Decoded on first use."""
        transfer, options = self._part
        with single_thread(), Source(self.path, options, quiet=True) as source:
            return list(file_samples(source, transfer))

    @property
    def shutter(self) -> ClipShutter:
        """The shutter, of all samples and of each."""
        return self._once("shutter", lambda: clip_shutter(self.samples))

    @property
    def drifts(self) -> list[tuple[Drift, tuple[float, ...]]]:
        """How the picture moves in each sample that shows it, and when the frames of that sample are shown, seconds."""

        def find() -> list[tuple[Drift, tuple[float, ...]]]:
            found = zip(map_samples(sample_drift, self.samples), self.samples, strict=True)
            return [(drift, sample.times) for drift, sample in found if drift]

        return self._once("drifts", find)

    @property
    def readout(self) -> ReadoutEstimate:
        """The readout of a rolling shutter."""
        return self._once("readout", lambda: fit_readout([drift for drift, _ in self.drifts]))

    @property
    def response(self) -> ResponseEstimate:
        """The response curve of values as they are stored: of a survey whose transfer is "linear"."""
        return self._once("response", lambda: clip_response(self.samples))

    def _once[T](self, name: str, find: Callable[[], T]) -> T:
        path = Path(self.path)
        status = path.stat() if path.exists() else None  # of the pattern of a sequence of pictures there is none
        found = _estimates(self.path, status and (status.st_mtime_ns, status.st_size), self._part)
        if name not in found:
            found[name] = find()
        return cast("T", found[name])


@lru_cache(maxsize=4)
def _estimates(*file: object) -> dict[str, Any]:
    return {}


def file_samples(source: Source, transfer: str | None) -> Iterator[ClipSample]:
    """Each sample from where it should begin or the key frame before; by reading on where there is none that is new."""
    frames, at = source.frames(), 0  # number in the part of the frame that comes next, about
    for run in sample_ranges(min(source.total or _SHORT, _SHORT if source.rate is None else source.total or _SHORT)):
        jumps = run.start > at and _jumps(source, at, run.start)
        if not jumps and not 0 <= run.start - at <= _FAR:  # before: where recordings were joined a jump leads anywhere
            continue
        try:
            if jumps:
                frames = from_key_frame(source, run.start)
                held = list(islice(frames, SAMPLE_FRAMES))
                late = run.start - number_of(source, held[0]) if held else 0
                if 0 < late <= SAMPLE_FRAMES:  # where it should begin, if that is near
                    held = [*held, *islice(frames, late)][late:]
            else:
                held = list(islice(frames, run.start - at, run.stop - at))
        except av.error.FFmpegError:  # the job itself will report what is wrong there
            continue
        number = number_of(source, held[0]) if jumps and held else run.start
        new = number >= at
        at = number + len(held)
        if held and new:
            yield _sample(held, transfer, source.origin)


def _jumps(source: Source, at: int, start: int) -> bool:
    """Whether a key frame lies between frames ``at`` and ``start``, or may, by the container's list."""
    assert source.rate is not None
    keys, end = source.listed
    tick = (source.begin + start / source.rate) / source.tick
    if end < tick:
        return (source.total or 0) > _SHORT
    before = bisect_right(keys, tick)
    return before > 0 and (keys[before - 1] * source.tick - source.begin) * source.rate >= at


def from_key_frame(source: Source, start: int) -> Iterator[av.VideoFrame]:
    """Frames from the key frame on that lies at frame ``start`` or before it, of a source with a rate."""
    assert source.rate is not None
    source.container.seek(int((source.begin + start / source.rate) * av.time_base))
    for packet in source.container.demux(source.video):
        yield from source.decoder(packet)


def number_of(source: Source, frame: av.VideoFrame) -> int:
    """How many frames after the beginning of the part this one comes, of a source with a rate."""
    assert source.rate is not None
    time = source.begin if frame.pts is None else frame.pts * exact(frame.time_base)
    return round((time - source.begin) * source.rate)


def _sample(frames: Sequence[av.VideoFrame], transfer: str | None, origin: Fraction) -> ClipSample:
    """Of frames of the first one's kind alone, and without those that repeat the one before."""
    import torch

    frames = [frame for frame in frames if kind(frame) == kind(frames[0])]
    converter = Converter(frames[0], transfer)
    colour = converter.colour
    if colour.family == "YUV":  # luma is enough
        colour = replace(colour, family="GRAY", sub_w=0, sub_h=0)
    stored = [[_small(plane) for plane in converter.source.read(frame)[: colour.channels]] for frame in frames]
    peak = 1.0 if converter.source.is_float else float((1 << converter.source.bits) - 1)
    kept = distinct([thumbnail(planes, peak) for planes in stored])
    light = torch.stack([colour.decode(stored[n]) for n in kept])
    shown = [frames[n].pts for n in kept]
    unit = exact(frames[0].time_base)
    times = tuple(float(pts * unit - origin) for pts in shown if pts is not None)
    return ClipSample.of(light, linear=colour.transfer != "linear", times=times)


def _small(plane: Plane) -> NDArray[np.float32]:
    """Averaged as stored, in a tenth of the time that averages of light take; estimates hardly differ."""
    import cv2
    import numpy as np

    scale = -(-max(plane.shape) // MAX_SIDE)
    size = (-(-plane.shape[1] // scale), -(-plane.shape[0] // scale))
    return np.asarray(cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
