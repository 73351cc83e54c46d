"""The shutter of a file, from places spread over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from vsdeblur.engine.repeats import distinct
from vsdeblur.errors import ArgumentError
from vsdeblur.filters._av_colour import Converter, kind
from vsdeblur.filters._source import Source
from vsdeblur.filters._telemetry import Exposures, installed, read_exposures
from vsdeblur.options import TELEMETRY, Options
from vsdeblur.shutter.clip import Pooled, pool, spots
from vsdeblur.shutter.evidence import Evidence
from vsdeblur.shutter.window import FRAMES

if TYPE_CHECKING:
    from torch import Tensor

ALIKE = 0.35  # of the period: places whose shutters differ by more were filmed differently
_SHORT = 600  # frames that are read through rather than jumped about in


@dataclass(frozen=True, slots=True)
class Found:
    """A shutter and where it comes from, in words. per_chunk: the clip has several, so each chunk finds its own.

    exposures: of every frame, from telemetry; ``shutter`` is then the usual one.
    """

    shutter: float
    source: str
    per_chunk: bool = False
    exposures: Exposures | None = None

    def resolve(self, options: Options) -> Options:
        """The options with this shutter in them."""
        timed = options.timed | {"shutter"} if self.exposures else options.timed
        return replace(options, shutter=self.shutter, auto_shutter=self.per_chunk, timed=timed)


def find_shutter(
    path: str,
    options: Options,
    rate: Fraction | None,
    begin: Fraction | None = None,
    length: Fraction | None = None,
    *,
    only_telemetry: bool = False,
) -> Found:
    """The shutter that a file is restored with: as given, else by its telemetry, else estimated.

    rate: frames per second. begin, length: the part that matters, in seconds. Raises ArgumentError where only telemetry
    would do and there is none.
    """
    if not options.auto_shutter:
        return Found(options.shutter, "given")
    exposures = None if path == "-" else read_exposures(path, rate)
    if exposures and rate:
        low, high = 1000 * min(exposures.values), 1000 * max(exposures.values)
        words = f"by telemetry of {exposures.camera}: {low:.3g} to {high:.3g} ms"
        return Found(exposures.part(1 / float(rate)), words, exposures=exposures)
    if only_telemetry:
        need = "" if installed() else "; it takes the package telemetry-parser: pip install 'vsdeblur[telemetry]'"
        raise ArgumentError("shutter", TELEMETRY, f"used with a file that carries its exposure times{need}")
    if path == "-":
        return Found(options.shutter, "estimated from each chunk", per_chunk=True)
    status = Path(path).stat()
    pooled = _pooled(path, status.st_mtime_ns, status.st_size, options.transfer, begin, length)
    shutter, confidence = pooled.estimate
    reach = pooled.range
    if reach and reach[1] - reach[0] > ALIKE:
        words = f"estimated from each chunk: it lies between {reach[0]:.2f} and {reach[1]:.2f}"
        return Found(pooled.estimate.usable, words, per_chunk=True)
    if pooled.estimate.usable != shutter or not confidence:
        why = (
            "nothing moves enough to tell"
            if not confidence
            else f"the clip does not tell (confidence {confidence:.2f})"
        )
        return Found(pooled.estimate.usable, f"assumed: {why}")
    sure = sum(1 for place in pooled.places if place.confidence)
    spread = f", {reach[0]:.2f} to {reach[1]:.2f}" if reach and reach[0] != reach[1] else ""
    number = f"{sure} place{'s' if sure > 1 else ''}"
    return Found(round(shutter, 3), f"estimated from {number}{spread}, confidence {confidence:.2f}")


@lru_cache(maxsize=4)
def _pooled(
    path: str, modified: int, size: int, transfer: str | None, begin: Fraction | None, length: Fraction | None
) -> Pooled:
    """Kept: what is said before a job is what the job uses."""
    with Source(path, start=begin, duration=length) as source:
        return pool([_evidence(frames, transfer) for frames in places(source)])


def places(source: Source, run: int = FRAMES) -> Iterator[list[av.VideoFrame]]:
    """``run`` successive frames from each of several places."""
    total = source.total
    jumped = False
    if total is not None and total > _SHORT and source.rate:
        for place in _jumped(source, [source.begin + wanted.start / source.rate for wanted in spots(total, run)], run):
            jumped = True
            yield place
    if jumped:
        return
    wanted = spots(min(total or _SHORT, _SHORT), run)
    frames, at = source.frames(), 0
    for one in wanted:
        held = list(islice(frames, one.start - at, one.stop - at))
        at = one.stop
        yield held


def _jumped(source: Source, times: Sequence[Fraction], run: int) -> Iterator[list[av.VideoFrame]]:
    """The frames from the key frame before each time on, each key frame once."""
    seen: set[int | None] = set()
    for time in times:
        try:
            source.container.seek(int(time * av.time_base))
            held = list(islice(source.container.decode(source.video), run))
        except av.error.FFmpegError:  # the job itself will say what is wrong there
            continue
        if held and held[0].pts not in seen:
            seen.add(held[0].pts)
            yield held


def _evidence(frames: list[av.VideoFrame], transfer: str | None) -> list[Evidence]:
    """Of successive frames."""
    from vsdeblur.engine.cuts import find_cuts
    from vsdeblur.engine.window import Window
    from vsdeblur.shutter.window import window_evidence

    if len(frames) < 3:
        return []
    light, linear = luma(frames, transfer)
    window = Window(light, 0, 0, len(light), light.shape[1], cuts=find_cuts(light))
    return window_evidence(window, linear=linear)


def luma(frames: Sequence[av.VideoFrame], transfer: str | None) -> tuple[Tensor, bool]:
    """The frames (n, C, H, W), by their luma alone where there is one, and whether that is linear light.

    Of the first frame's kind alone, and without those that repeat the one before.
    """
    import torch

    frames = [frame for frame in frames if kind(frame) == kind(frames[0])]
    converter = Converter(frames[0], transfer)
    frames = [frames[n] for n in distinct([converter.thumbnail(frame) for frame in frames])]
    colour = converter.colour
    if colour.family == "YUV":
        grey = replace(colour, family="GRAY", sub_w=0, sub_h=0)
        light = torch.stack([grey.decode(converter.source.read(frame)[:1]) for frame in frames])
    else:
        light = torch.empty(len(frames), converter.channels, frames[0].height, frames[0].width)
        for out, frame in zip(light, frames, strict=True):
            converter.decode(frame, out)
        light = light[:, : converter.colours]
    return light, colour.transfer != "linear"
