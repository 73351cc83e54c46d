"""From a stream of frames to restored frames: the fixed grid of chunks, one window in memory at a time."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from statistics import median

import av

from vsdeblur.calibration.shutter.window import window_shutter
from vsdeblur.camera.path import CameraPath
from vsdeblur.clip.cadence import REACH, Look, clip_numbers
from vsdeblur.clip.repeats import Thumbnail
from vsdeblur.colour.planes import Colour
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.colour import Converter, describe, kind
from vsdeblur.filters.pyav.format import Layout
from vsdeblur.filters.pyav.timeline import Chunk, Moment, Schedule, Timed
from vsdeblur.options import Options
from vsdeblur.window import Window, window_bounds

log = logging.getLogger("vsdeblur")

# (opening of the first frame, period, both in seconds, number of frames, (height, width)) -> their path
Camera = Callable[[float, float, int, tuple[int, int]], CameraPath]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the window loop needs besides the frames.

    schedule: which outputs there are. target: the pixel format of all outputs, None for the source's own.
    skip: chunks that are done already (nothing is solved for them). exposure: for how many seconds the shutter was
    open at a time of the source, where that is known. camera: the path of frames that open at a time of the source,
    where a gyroscope tells it. warn: where remarks about the input go. count: is told how many frames of a chunk repeat
    the one before.
    """

    options: Options
    schedule: Schedule
    target: Layout | None = None
    skip: int = 0
    exposure: Callable[[Fraction], float] | None = None
    camera: Camera | None = None
    warn: Callable[[str], None] = log.warning
    count: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """An output frame with its time and duration in seconds, and the number of the chunk that it came from."""

    frame: av.VideoFrame
    time: Fraction
    duration: Fraction
    chunk: int


def restore_frames(frames: Iterable[Timed], settings: Settings) -> Iterator[Restored]:
    """Restore a stream. A change of size, format or colour tags ends the window there and starts a new one.

    Raises InputError for interlaced frames and for formats that cannot be processed.
    """
    source = _Peekable(frames)
    done, chunks = 0, 0
    like: Colour | None = None
    while (first := source.peek()) is not None:
        run = _Run(source, first, settings, done, chunks, like)
        yield from run.outputs()
        done, chunks = run.stop, run.chunk
        like = run.converter.out if settings.target else None
        following = source.peek()
        if following is not None:
            before, after, when = describe(first.frame), describe(following.frame), float(following.time)
            change = "changes its colour tags" if before == after else f"changes from {before} to {after}"
            settings.warn(f"the video {change} at {when:.3f} s: a new window starts there")


class _Peekable:
    """An iterator that shows the next item without taking it."""

    def __init__(self, items: Iterable[Timed]) -> None:
        self._items = iter(items)
        self._next: Timed | None = None

    def peek(self) -> Timed | None:
        if self._next is None:
            self._next = next(self._items, None)
        return self._next

    def take(self) -> Timed:
        item = self.peek()
        assert item is not None
        self._next = None
        return item


class _Run:
    """Frames of one kind. ``stop`` and ``chunk`` count the frames and chunks of the whole stream up to its end."""

    def __init__(
        self, source: _Peekable, first: Timed, settings: Settings, done: int, chunks: int, like: Colour | None
    ) -> None:
        from vsdeblur.engine.engine import Engine

        frame, options = first.frame, settings.options
        self.converter = Converter(frame, options.transfer, settings.target, like)
        self.engine = Engine(
            options, frame.height, frame.width, self.converter.channels, host_bytes=self.converter.host_bytes
        )
        self.source, self.settings, self.kind = source, settings, kind(frame)
        self.offset, self.stop, self.chunk = done, done, chunks
        self.held: deque[Timed] = deque()
        self.small: deque[Thumbnail] = deque()  # of each that is held, where repeats are looked for
        self.base = 0  # the number in this run of held[0]
        self.ended = False

    def outputs(self) -> Iterator[Restored]:
        plan = self.engine.plan
        reach = plan.halo + (REACH if self.settings.options.finds_repeats else 0)
        for number in count():
            stop = window_bounds(number, plan.chunk, reach, None)[1]
            self._read(stop)
            total = self.base + len(self.held) if self.ended else None
            start, stop, first, length = window_bounds(number, plan.chunk, reach, total)
            if length <= 0:
                return
            self._drop(min(start, start + first - 1))  # a frame before the chunk, halo or not
            if self.chunk >= self.settings.skip:
                begin, ends = start + first, total == start + first + length
                final = ends and self.source.peek() is None
                chunk = Chunk(list(self.held), self.base, begin, begin + length, ends, final)
                yield from self._solve(chunk, start, stop)
            self.chunk += 1

    def _read(self, stop: int) -> None:
        """Hold the frames up to number ``stop`` and look at the one after, or notice that the run ends before."""
        while not self.ended and self.base + len(self.held) <= stop:
            item = self.source.peek()
            if item is None or kind(item.frame) != self.kind:
                self.ended = True
                return
            if item.frame.interlaced_frame:
                raise InputError(
                    f"the frame at {float(item.time):.3f} s is interlaced: deinterlace first, with bwdif or yadif"
                )
            self.held.append(self.source.take())
            if self.settings.options.finds_repeats:
                self.small.append(self.converter.thumbnail(item.frame))
            self.stop += 1

    def _drop(self, start: int) -> None:
        while self.base < start:
            self.held.popleft()
            if self.small:
                self.small.popleft()
            self.base += 1

    def _solve(self, chunk: Chunk, start: int, stop: int) -> Iterator[Restored]:
        """The outputs of a chunk, frames ``start`` to ``stop`` - 1 at hand."""
        if not any(self.settings.schedule.moments(chunk)):
            return
        window, moments, instants = self._window(chunk, start, stop)
        last = -1
        for moment, linear in zip(moments, self.engine.restore(window, instants), strict=True):
            n = min(int(moment.instant), chunk.end - 1)
            frame = self.converter.encode(linear, chunk.frames[n - chunk.first].frame, first=n != last)
            last = n
            yield Restored(frame, moment.time, moment.duration, self.chunk)

    def _window(self, chunk: Chunk, start: int, stop: int) -> tuple[Window, list[Moment], list[float]]:
        """The window, the outputs that come from it, and their instants as the window counts them."""
        options, halo = self.settings.options, self.engine.plan.halo
        kept: Sequence[int] = range(max(chunk.begin - halo, start), min(chunk.end + halo, stop))
        look = self._look(chunk, start, stop) if options.finds_repeats else None
        repeated = look is not None and bool(look.repeats)
        if look is not None and repeated:
            kept = look.kept
            self.settings.count(sum(n in look.repeats for n in range(chunk.begin, chunk.end)))
        items = [chunk.frames[n - chunk.first] for n in kept]
        window = self._decoded(items, kept[0], chunk)
        cuts = self._cuts(window, kept)
        window = dataclasses.replace(window, cuts=cuts)
        shutter = window_shutter(window, options)
        exposures = None
        if self.settings.exposure:
            exposures = [self.settings.exposure(item.time) for item in items]
        if look is not None and repeated:
            lengths = _lengths(chunk.frames[start - chunk.first : stop - chunk.first])
            timed = look.timed(lengths, clip_numbers(kept, cuts))
            moments = list(self.settings.schedule.moments(chunk, lambda n: timed.shutter_shown(n, shutter, options)))
            instants = [timed.instant(moment.instant) for moment in moments]
            return timed.window(window, instants, exposures or shutter, options), moments, instants
        durations, shutters = _variable(items, shutter)
        if exposures:
            shutters = tuple(min(s / float(item.duration), 1.0) for s, item in zip(exposures, items, strict=True))
        if shutters is None and shutter != options.shutter:
            shutters = (shutter,) * len(items)
        path = self._path(items, shutter)
        window = dataclasses.replace(window, durations=durations, shutters=shutters, camera=path)
        parts = shutters or (shutter,) * len(items)
        moments = list(self.settings.schedule.moments(chunk, lambda n: parts[n - window.start]))
        return window, moments, [moment.instant for moment in moments]

    def _look(self, chunk: Chunk, start: int, stop: int) -> Look:
        given = self.settings.options.scene_cuts
        return Look(
            list(self.small)[start - self.base : stop - self.base],
            start,
            chunk.begin,
            chunk.end,
            self.engine.plan.halo,
            opens=start == 0,
            closes=self.ended and stop == self.base + len(self.held),
            cuts=frozenset(n - self.offset for n in given) if isinstance(given, frozenset) else frozenset(),
        )

    def _decoded(self, items: Sequence[Timed], start: int, chunk: Chunk) -> Window:
        import torch

        frame = items[0].frame
        frames = torch.empty(len(items), self.converter.channels, frame.height, frame.width)
        for out, item in zip(frames, items, strict=True):
            self.converter.decode(item.frame, out)
        return Window(frames, start, chunk.begin - start, chunk.end - chunk.begin, self.converter.colours)

    def _cuts(self, window: Window, kept: Sequence[int]) -> frozenset[int]:
        """Of the frames ``kept`` of the run, as the window counts them."""
        given = self.settings.options.scene_cuts
        cuts: frozenset[int] = frozenset()
        if self.settings.options.uses_detector:
            cuts = self.engine.find_cuts(window)
        elif isinstance(given, frozenset):
            cuts = frozenset(window.start + k for k, n in enumerate(kept) if n + self.offset in given)
        return frozenset(n for n in cuts if window.start < n < window.start + len(kept))

    def _path(self, items: Sequence[Timed], shutter: float) -> CameraPath | None:
        """The camera's, where a gyroscope tells it."""
        if self.settings.camera is None:
            return None
        period = float(sum(item.duration for item in items) / len(items))
        opening = float(items[0].time) - shutter * period / 2  # it was aligned with frames as a whole
        frame = items[0].frame
        return self.settings.camera(opening, period, len(items), (frame.height, frame.width))


def _variable(items: Sequence[Timed], shutter: float) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Durations and shutters of a variable-rate window: the exposure is the same time for all its frames."""
    durations = [item.duration for item in items]
    if _is_constant(items):
        return None, None
    exposure = shutter * median(durations)
    return tuple(float(d) for d in durations), tuple(min(float(exposure / d), 1.0) for d in durations)


def _lengths(items: Sequence[Timed]) -> list[float]:
    """Seconds that frames are shown for; of a constant rate all the same."""
    durations = [item.duration for item in items]
    return [float(median(durations))] * len(items) if _is_constant(items) else [float(d) for d in durations]


def _is_constant(items: Sequence[Timed]) -> bool:
    durations = [item.duration for item in items]
    return max(durations) - min(durations) <= 2 * max(item.tick for item in items)
