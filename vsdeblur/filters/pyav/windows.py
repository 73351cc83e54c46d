"""From a stream of frames to restored frames: one window in memory at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

import av

from vsdeblur.clip.repeats import Thumbnail
from vsdeblur.colour.planes import Colour
from vsdeblur.engine.chunks import ChunkWindow, FrameSource, chunk_windows
from vsdeblur.engine.grid import ALL, Chunk, Grid, Spans
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.colour import Converter, describe, kind
from vsdeblur.filters.pyav.format import Layout
from vsdeblur.filters.pyav.stamps import TimedFrame
from vsdeblur.filters.pyav.timeline import ChunkTimes, Moment, Schedule
from vsdeblur.settings import Options

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.camera.path import CameraPath
    from vsdeblur.engine.engine import Engine

log = logging.getLogger("vsdeblur")

# (opening of the first frame, period, both in seconds, number of frames, (height, width)) -> their path
Camera = Callable[[float, float, int, tuple[int, int]], "CameraPath"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamContext:
    """What a stream is restored with, besides its frames.

    Attributes:
        options: The arguments.
        schedule: Which outputs there are.
        target: The pixel format of all outputs, None for the source's own.
        even: Whether an odd last row or column is left out of them.
        wanted: Chunks that are restored, counted over the whole stream.
        exposure: For how many seconds the shutter was open at a time of the source, where that is known.
        camera: The path of frames that open at a time of the source, where there is a gyroscope.
        progressive: Whether interlaced frames are taken for progressive ones.
        ways: Whether it is to be known how each place of the outputs was restored.
        warn: Where remarks about the input go.
    """

    options: Options
    schedule: Schedule
    target: Layout | None = None
    even: bool = False
    wanted: Spans = ALL
    exposure: Callable[[Fraction], float] | None = None
    camera: Camera | None = None
    progressive: bool = False
    ways: bool = False
    warn: Callable[[str], None] = log.warning


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """An output frame.

    Attributes:
        frame: Its picture.
        time: When it is shown, seconds.
        duration: For how long, seconds.
        chunk: The number of the chunk that it came from.
        repeats: How many frames of that chunk repeat the one before.
        ways: How its places were restored, see ``vsdeblur.engine.mapped``; None where that was not asked for.
    """

    frame: av.VideoFrame
    time: Fraction
    duration: Fraction
    chunk: int
    repeats: int = 0
    ways: Tensor | None = None


def restore_frames(frames: Iterable[TimedFrame], settings: StreamContext) -> Iterator[Restored]:
    """Restore a stream. A change of size, format or colour tags ends the window there and starts a new one.

    Raises:
        InputError: For interlaced frames and for formats that cannot be processed.
    """
    from vsdeblur.engine.engine import Engine
    from vsdeblur.streams import streamed_at_once

    stream, options = Peekable(frames), settings.options
    done, chunks = 0, 0
    like: Colour | None = None
    while (first := stream.peek()) is not None:
        converter = Converter(first.frame, options.transfer, settings.target, like, settings.even)
        run = StreamedFrames(stream, first, converter, settings, done)
        size = first.frame.height, first.frame.width, converter.channels
        engine = Engine(options, *size, host_bytes=converter.host_bytes, chunks_at_once=True)
        grid = Grid.of(engine.plan, options)
        parts = chunk_windows(run, grid, options, run.moments, settings.wanted.after(chunks))
        restored = partial(_restored, engine, converter, chunks, settings.ways)
        yield from streamed_at_once(restored, map(run.with_templates, parts), engine.plan.chunk_workers)
        if not run.ended:  # nothing after this is wanted
            return
        done, chunks = done + run.length, chunks + grid.chunks(run.length)
        like = converter.out if settings.target else None
        following = stream.peek()
        if following is not None:
            before, after, when = describe(first.frame), describe(following.frame), float(following.time)
            change = "changes its colour tags" if before == after else f"changes from {before} to {after}"
            settings.warn(f"the video {change} at {when:.3f} s: a new window starts there")


def _restored(
    engine: Engine,
    converter: Converter,
    before: int,
    ways: bool,
    taken: tuple[ChunkWindow[Moment], Sequence[av.VideoFrame]],
) -> Iterator[Restored]:
    """The outputs of a chunk, which has ``before`` others of the stream before its run, of its templates."""
    part, templates = taken
    number, last = before + part.chunk.number, None
    seen: list[Tensor] = []
    pictures = part.restore(engine, ways=seen.append if ways else None)
    for (moment, picture), template in zip(pictures, templates, strict=True):
        frame = converter.encode(picture, template, first=template is not last)
        last = template
        found = seen.pop() if seen else None
        yield Restored(frame, moment.time, moment.duration, number, len(part.repeats), found)


class Peekable[T]:
    """An iterator that shows the next item without taking it."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self._next: T | None = None

    def peek(self) -> T | None:
        """The next item; None at the end."""
        if self._next is None:
            self._next = next(self._items, None)
        return self._next

    def take(self) -> T:
        """The next item, which there must be."""
        item = self.peek()
        assert item is not None
        self._next = None
        return item


class StreamedFrames(FrameSource):
    """A run of frames of one kind, of which those around one chunk are in memory.

    Attributes:
        offset: Frames of the stream before the run.
        ended: Whether the run was read to its end.
    """

    def __init__(
        self,
        stream: Peekable[TimedFrame],
        first: TimedFrame,
        converter: Converter,
        settings: StreamContext,
        offset: int,
    ) -> None:
        self.offset, self.colour = offset, converter.colours
        self._stream, self._kind, self._converter, self._settings = stream, kind(first.frame), converter, settings
        self._frames: deque[TimedFrame] = deque()
        self._small: deque[Thumbnail] = deque()  # of each of them, where repeats are looked for
        self._base = 0  # the number in this run of the first of them
        self.ended = False

    @property
    def length(self) -> int:
        """Frames so far; of the whole run once it has ended."""
        return self._base + len(self._frames)

    def held(self, n: int) -> TimedFrame:
        """Frame ``n``, which is at hand."""
        return self._frames[n - self._base]

    def with_templates(self, part: ChunkWindow[Moment]) -> tuple[ChunkWindow[Moment], list[av.VideoFrame]]:
        """A chunk that is at hand, with the frame that each of its outputs is made like."""
        shown = (min(int(moment.instant), part.chunk.end - 1) for moment in part.outputs)
        return part, [self.held(n).frame for n in shown]

    def moments(self, chunk: Chunk, shutter: Callable[[int], float]) -> list[Moment]:
        """The outputs of a chunk."""
        final = chunk.is_last and self._stream.peek() is None
        times = ChunkTimes(chunk=chunk, frames=list(self._frames), first=self._base, final=final)
        return self._settings.schedule.moments(times, shutter)

    def hold(self, frames: range) -> int | None:
        """See ``FrameSource``."""
        while not self.ended and self.length <= frames.stop:  # one more, to know whether the run ends here
            self._take()
        while self._base < frames.start and self._frames:
            self._frames.popleft()
            if self._small:
                self._small.popleft()
            self._base += 1
        return self.length if self.ended else None

    def _take(self) -> None:
        item = self._stream.peek()
        if item is None or kind(item.frame) != self._kind:
            self.ended = True
            return
        if item.frame.interlaced_frame and not self._settings.progressive:
            raise InputError(
                f"the frame at {float(item.time):.3f} s is interlaced: deinterlace first, with bwdif or yadif",
                "or, where only the flags are wrong, give {progressive}",
            )
        self._frames.append(self._stream.take())
        if self._settings.options.detects_repeats:
            self._small.append(self._converter.thumbnail(item.frame))

    def light(self, frames: Sequence[int]) -> Tensor:
        """See ``FrameSource``."""
        import torch

        like = self.held(frames[0]).frame
        light = torch.empty(len(frames), self._converter.channels, like.height, like.width)
        for out, n in zip(light, frames, strict=True):
            self._converter.decode(self.held(n).frame, out)
        return light

    def thumbnails(self, frames: range) -> list[Thumbnail]:
        """See ``FrameSource``."""
        return list(islice(self._small, frames.start - self._base, frames.stop - self._base))

    def durations(self, frames: Sequence[int]) -> list[Fraction]:
        """Seconds; what differs by no more than timestamps are rounded is a constant rate."""
        items = [self.held(n) for n in frames]
        durations = [item.duration for item in items]
        if max(durations) - min(durations) <= 2 * max(item.tick for item in items):
            return [median(durations)] * len(items)
        return durations

    def exposures(self, frames: Sequence[int]) -> list[float] | None:
        """See ``FrameSource``."""
        exposure = self._settings.exposure
        return None if exposure is None else [exposure(self.held(n).time) for n in frames]

    def camera_path(self, frame: int, opening: float, period: float, length: int) -> CameraPath | None:
        """See ``FrameSource``."""
        if self._settings.camera is None:
            return None
        item = self.held(frame)
        size = item.frame.height, item.frame.width
        return self._settings.camera(float(item.time) + opening, period, length, size)
