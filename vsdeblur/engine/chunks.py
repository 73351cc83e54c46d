"""The loop over a clip's chunks: one for tensors, VapourSynth and PyAV.

    fixed grid -> chunk -> frames around it -> repeats left out -> window (cuts, light, shutters, durations, camera)
               -> instants of the outputs -> engine

A host says how it reads frames (``FrameSource``) and which outputs there are (``Schedule``). It either goes through a
clip in order (``chunk_windows``) or asks for one chunk (``chunk_window``). A chunk is a pure function of the clip and
the arguments: no state goes from one to the next.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from vsdeblur.calibration.shutter.window import window_shutter
from vsdeblur.clip.cadence import ChunkNeighbourhood, PictureTimes
from vsdeblur.clip.cuts import find_cuts
from vsdeblur.clip.light import find_light
from vsdeblur.clip.overlay import find_overlay
from vsdeblur.clip.pauses import split_at_pauses, usual_durations
from vsdeblur.engine.grid import ALL, Chunk, Grid, Schedule, Shown, Spans
from vsdeblur.heap import release_unused
from vsdeblur.settings import Options
from vsdeblur.window import Window

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.camera.path import CameraPath
    from vsdeblur.clip.repeats import Thumbnail
    from vsdeblur.engine.engine import Engine

SHORTEST_SHUTTER = 1e-6  # of the period: a shutter is never quite shut, whatever durations a clip claims


class FrameSource(ABC):
    """How a host reads a clip. Frames are numbered from 0; sequences of numbers ascend and are at hand.

    Attributes:
        colour: How many leading channels of the light are colour, 1 or 3.
        offset: The number that ``Options.scene_cuts`` gives to frame 0: of a stream that changed its size before.
    """

    colour: int
    offset: int = 0

    @abstractmethod
    def hold(self, frames: range) -> int | None:
        """Have these frames at hand, as far as there are any; earlier ones are not asked for again.

        Returns:
            The clip's number of frames, None where it has more than ``frames.stop`` and is not known.
        """

    @abstractmethod
    def light(self, frames: Sequence[int]) -> Tensor:
        """(n, C, H, W) float32 in linear light, on any device."""

    @abstractmethod
    def thumbnails(self, frames: range) -> Sequence[Thumbnail]:
        """What repeats are recognised by; asked for only where they are looked for."""

    def durations(self, frames: Sequence[int]) -> Sequence[Fraction]:
        """How long each frame is shown, in one unit; all equal where the rate is constant."""
        return [Fraction(1)] * len(frames)

    def marked_cuts(self, frames: range) -> frozenset[int]:
        """Frames that the host's own scene detection says open a scene."""
        return frozenset()

    def exposures(self, frames: Sequence[int]) -> Sequence[float] | None:
        """For how long the shutter was open, in the unit of durations; None where that is not known."""
        return None

    def camera_path(self, frame: int, opening: float, period: float, length: int) -> CameraPath | None:
        """The path of ``length`` frames of ``period`` by a gyroscope; None where there is none.

        Args:
            frame: A frame at hand.
            opening: From when on, after that frame's timestamp, in the unit of durations.
            period: Mean time between the frames.
            length: Their number.
        """
        return None


@dataclass(slots=True, eq=False, kw_only=True)
class ChunkWindow[S: Shown]:
    """What the outputs of a chunk are restored from.

    Attributes:
        chunk: The chunk.
        window: Its window, without the frames that repeat the one before; once it is restored, without any.
        outputs: What the schedule says of its outputs, in order.
        instants: Of the outputs, as the window counts frames.
        cuts: Frames that open a scene, among those that were read, as the clip counts them.
        repeats: Frames of the chunk that repeat the one before.
    """

    chunk: Chunk
    window: Window
    outputs: Sequence[S]
    instants: Sequence[float]
    cuts: frozenset[int]
    repeats: frozenset[int]

    def restore(
        self,
        engine: Engine,
        record: Callable[[float], None] | None = None,
        ways: Callable[[Tensor], None] | None = None,
    ) -> Iterator[tuple[S, Tensor]]:
        """The outputs with their pictures, (C, H, W) float32 on the CPU. record, ways: as in ``Engine.restore``.

        The frames become the engine's, which lets go of those that nothing more is made of: once only, a second time is
        a ValueError.
        """
        if not self.window.frames.numel():
            raise ValueError("a chunk is restored once: its frames are gone (dataclasses.replace keeps them)")
        parts = deque(split_at_pauses(self.window, self.instants, self.chunk.halo))
        self.window = self.window.without_frames()

        def pictures() -> Iterator[Tensor]:
            while parts:
                yield from engine.restore(*parts.popleft(), record=record, ways=ways)

        return zip(self.outputs, pictures(), strict=True)


def chunk_windows[S: Shown](
    source: FrameSource, grid: Grid, options: Options, schedule: Schedule[S], wanted: Spans = ALL
) -> Iterator[ChunkWindow[S]]:
    """The windows of a clip's chunks, in order; those without outputs and those that are not wanted are left out."""
    for number in count():
        if number >= wanted.stop:
            return
        chunk = grid.chunk(number, None)
        # An output of the chunk may have a timestamp that lies in the period of the frame before it.
        needed = range(max(min(chunk.read.start, chunk.begin - 1), 0), chunk.read.stop)
        chunk = grid.chunk(number, source.hold(needed))
        if chunk.end <= chunk.begin:
            return
        if number in wanted and schedule(chunk, lambda _: options.shutter):
            yield chunk_window(chunk, source, options, schedule)


def chunk_window[S: Shown](
    chunk: Chunk, source: FrameSource, options: Options, schedule: Schedule[S]
) -> ChunkWindow[S]:
    """The window of a chunk whose frames ``source`` has at hand."""
    release_unused()  # what the chunk before has freed between its outputs, which a host may still hold
    known = _known_cuts(chunk.read, source, options)
    around = _neighbourhood(chunk, source, known) if options.detects_repeats else None
    if around is not None and not around.repeats:
        around = None
    kept: Sequence[int] = chunk.window if around is None else around.kept
    window = Window(source.light(kept), kept[0], chunk.begin - kept[0], chunk.end - chunk.begin, source.colour)
    found = frozenset[int]()
    if options.detects_cuts:
        found = find_cuts(window.frames[:, : window.colour], window.start)
    if around is not None:
        found = frozenset(kept[n - kept[0]] for n in found)  # as the clip counts them
        times = around.picture_times(source.durations(chunk.read), known | found)
        window = _cleaned(replace(window, cuts=times.to_window(known | found)), options)
        timed = _of_pictures(window, times, source, options)
    else:
        window = _cleaned(replace(window, cuts=(known | found) & frozenset(kept[1:])), options)
        timed = _of_frames(window, kept, source, options)
    outputs = schedule(chunk, timed.shutter)
    instants = [timed.position(output.instant) for output in outputs]
    return ChunkWindow(
        chunk=chunk,
        window=timed.window if around is None else _with_chunk_at(timed.window, instants),
        outputs=outputs,
        instants=instants,
        cuts=known | found,
        repeats=frozenset() if around is None else around.repeats & frozenset(range(chunk.begin, chunk.end)),
    )


def _cleaned(window: Window, options: Options) -> Window:
    """The window without changes of light and overlays; frames that are restored by themselves alone keep them."""
    if options.single_frame:
        return window
    if (light := find_light(window)) is not None:
        return replace(window, frames=light.normalised(window.frames), light=light)
    overlay = find_overlay(window)
    return window if overlay is None else replace(window, frames=overlay.inpainted(window.frames), overlay=overlay)


class _Timed(NamedTuple):
    """A window with its durations and shutters, and what relates the clip's frames to it.

    shutter: of a frame, the open fraction of its own duration. position: of an instant of the clip, in the window.
    """

    window: Window
    shutter: Callable[[int], float]
    position: Callable[[float], float]


def _of_frames(window: Window, frames: Sequence[int], source: FrameSource, options: Options) -> _Timed:
    """Every frame is a picture of its own."""
    shutter = window_shutter(window, options)
    durations, exposures = source.durations(frames), source.exposures(frames)
    varying = min(durations) != max(durations)
    if exposures is None and varying:  # the same time for all
        exposures = [shutter * median(usual_durations(durations))] * len(frames)
    shutters = None if exposures is None else _open_fractions(exposures, durations)
    if shutters is None and shutter != options.shutter:
        shutters = (shutter,) * len(frames)
    period = float(sum(durations) / len(durations))
    window = replace(
        window,
        durations=tuple(map(float, durations)) if varying else None,
        shutters=shutters,
        camera=source.camera_path(frames[0], -shutter * period / 2, period, len(frames)),
    )
    return _Timed(window, lambda n: shutters[n - frames[0]] if shutters else shutter, lambda t: t)


def _of_pictures(window: Window, times: PictureTimes, source: FrameSource, options: Options) -> _Timed:
    """Frames that repeat the one before are left out."""
    shutter = window_shutter(window, options)
    durations, exposure = times.durations, times.time_of("shutter", shutter, options)
    exposures = source.exposures(times.kept) or [exposure] * len(times.kept)
    period = (times.opens[-1] - times.opens[0]) / len(durations)
    window = replace(
        window,
        durations=durations,
        shutters=_open_fractions(exposures, durations),
        readout_period=times.time_of("readout", 1.0, options),
        output_period=times.frame_period,
        camera=source.camera_path(times.start, times.opens[0] - exposure / 2, period, len(durations)),
    )

    def shutter_of_frame(n: int) -> float:
        return times.shutter_of_frame(n, exposures[bisect_right(times.kept, n) - 1], options)

    return _Timed(window, shutter_of_frame, times.instant)


def _with_chunk_at(window: Window, instants: Sequence[float]) -> Window:
    """The chunk is the frames in whose periods the instants lie."""
    first, last = math.floor(instants[0]), math.floor(instants[-1])
    return replace(window, first=first - window.start, count=last + 1 - first)


def _open_fractions(exposures: Sequence[float], durations: Sequence[float | Fraction]) -> tuple[float, ...]:
    return tuple(min(max(float(s / d), SHORTEST_SHUTTER), 1.0) for s, d in zip(exposures, durations, strict=True))


def _known_cuts(frames: range, source: FrameSource, options: Options) -> frozenset[int]:
    """Those of ``frames``, and the one after, that are known to open a scene without looking at pictures."""
    given = options.scene_cuts
    if isinstance(given, frozenset):
        known = frozenset(n - source.offset for n in given)
    else:
        known = source.marked_cuts(frames) if given else frozenset()
    return frozenset(n for n in known if frames.start <= n <= frames.stop)


def _neighbourhood(chunk: Chunk, source: FrameSource, cuts: frozenset[int]) -> ChunkNeighbourhood:
    return ChunkNeighbourhood(
        thumbnails=source.thumbnails(chunk.read),
        start=chunk.read.start,
        begin=chunk.begin,
        end=chunk.end,
        halo=chunk.halo,
        at_start=chunk.read.start == 0,
        at_end=chunk.read.stop == chunk.total,
        cuts=cuts,
    )
