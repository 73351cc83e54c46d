"""A media file, or y4m on standard input, as a stream of decoded frames; errors on the way are noted, not fatal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vsdeblur.errors import InputError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.continuity import Continuity
from vsdeblur.filters.pyav.file.decoder import Decoder
from vsdeblur.filters.pyav.file.rate import closing_time, is_diluted, is_time_base, measured_rate, stated_rate
from vsdeblur.filters.pyav.file.reading import WHOLE, ReadOptions, Retagger, StandardInput, open_input
from vsdeblur.filters.pyav.stamps import Order, exact, paced
from vsdeblur.filters.pyav.ticks import common_tick

log = logging.getLogger("vsdeblur")

_MARGIN = Fraction(2)  # seconds of interleaving: how far the audio may lag behind the last frame of a preview
_UP_ALREADY = Fraction(10)  # seconds before a preview in which a subtitle may have begun that is still up
_EARLY = Fraction(1)  # an input that ends this much before its header says is called truncated

Packets = Callable[["Packet[Stream]"], None]


class Source:
    """An opened input. ``errors`` collects what could not be decoded, each with its time.

    ``brings_new`` gets every frame after the first that has side data of a kind that none before it had.

    Times on the video's timeline count from ``origin``, the input's first timestamp. ``start`` and ``duration``, in
    seconds, restrict both the frames and the packets of the other streams.
    """

    def __init__(
        self,
        path: str,
        options: ReadOptions = WHOLE,
        *,
        strict: bool = False,
        quiet: bool = False,
        warn: Callable[[str], None] = log.info,
    ) -> None:
        """Open it.

        Args:
            path: of the file, or "-".
            options: which part is read, at which rate the frames follow each other, and by which tags they are read.
            strict: whether what cannot be decoded ends it.
            quiet: whether that is not logged, since another will.
            warn: where remarks go that are no errors.

        Raises:
            InputError: where there is nothing that can be decoded.
        """
        self.path = path
        self.name = "standard input" if path == "-" else path
        self.errors: list[str] = []
        self.frames_in = 0
        self.strict, self.quiet = strict, quiet
        self.warn, self._given_rate = warn, options.source_fps
        self.progressive, self._interlaced = options.progressive, False
        self.brings_new: Callable[[av.VideoFrame], None] | None = None
        self._side_data: set[Any] = set()  # its kinds, of the frames so far
        self._feed, self._consumed = StandardInput(), 0
        self.container = open_input(path, self.name, self._feed)
        try:
            self.video = self._choose()
            self.video.thread_type = "AUTO"
            self.decoder = Decoder(self.video, Retagger(options, warn), options.max_side)
        except BaseException:
            self.container.close()
            raise
        starts = [s.start_time * exact(s.time_base) for s in self.container.streams if s.start_time is not None]
        self.origin = max(min(starts, default=Fraction(0)), Fraction(0))
        for remark in self.decoder.remarks:
            warn(remark)
        self.begin = self.origin + (options.start or 0)
        self.end = None if options.duration is None else self.begin + options.duration
        self.seekable = path != "-"
        self._last: Fraction | None = None
        self._joined = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.container.close()

    @cached_property
    def rate(self) -> Fraction | None:
        """Frames per second: as given, as the file states, or by the timestamps where it states its time base."""
        if self._given_rate:
            return self._given_rate
        stated = stated_rate(self.video)
        if stated and self.seekable and (is_time_base(stated, self.video) or is_diluted(stated, self.video)):
            with open_input(self.path, self.name) as container:
                return measured_rate(container, self.video.index) or stated
        return stated

    @property
    def tick(self) -> Fraction:
        """The time base of the video's timestamps, in seconds."""
        tick = exact(self.video.time_base)
        return common_tick(tick, 1 / self._given_rate) if self._given_rate and tick else tick

    @cached_property
    def listed(self) -> tuple[list[int], int]:
        """Ticks at which key frames are decoded by the container's list, ascending, and how far that list goes."""
        entries = [(one.timestamp, one.is_keyframe) for one in self.video.index_entries]
        return sorted(tick for tick, key in entries if key), max((tick for tick, _ in entries), default=-1)

    @property
    def total(self) -> int | None:
        """About how many frames there will be; None where the input does not say."""
        close = closing_time(self.container, self.video, self.origin)
        if close is None or not self.rate:
            return self.video.frames or None if self.begin == self.origin and self.end is None else None
        if self.begin == self.origin and self.end is None and self.video.frames:
            return self.video.frames
        stop = close if self.end is None else min(self.end, close)
        return max(round((stop - self.begin) * self.rate), 1)

    def frames(self, other: Packets | None = None) -> Iterator[av.VideoFrame]:
        """Decode the video; packets of the other streams go to ``other`` as they come."""
        if self.begin > self.origin and self.seekable and not self._given_rate:
            self._seek()
        done = False
        order = Order(self.rate, log.debug if self._given_rate else self.warn)
        shown = paced(self._given_rate, self.tick)
        for packet in self.packets(other is not None):
            now = packet.dts if packet.dts is not None else packet.pts
            if done and now is not None and now * exact(packet.time_base) > (self.end or 0) + _MARGIN:
                return
            if packet.stream.index != self.video.index:
                if other and packet.size:
                    other(packet)
            elif not done:
                self._consumed = max(self._consumed, (packet.pos or 0) + packet.size)
                decoded = [item for frame in self._decode(packet) for item in order.push(frame)]
                for frame in map(shown, decoded):
                    if self.end is not None and self._time(frame) >= self.end:
                        done = True
                        break
                    if self._time(frame) >= self.begin:
                        yield self._used(frame)
                if done and other is None:
                    return
        for frame in map(shown, order.flush()):
            if self._time(frame) >= self.begin and (self.end is None or self._time(frame) < self.end):
                yield self._used(frame)
        self._check_end()

    def other_packets(self) -> Iterator[Packet[Stream]]:
        """The packets of all other streams from the beginning, in a second pass over the file."""
        with open_input(self.path, self.name) as container:
            if len(container.streams) == 1:
                return
            if self.begin > self.origin and not self._given_rate:
                container.seek(self._entry())
            continuity = Continuity(container.format.flags, log.info)  # of all streams, as in the first pass
            for packet in container.demux():
                continuity.move(packet)
                now = packet.dts if packet.dts is not None else packet.pts
                if self.end is not None and now is not None and now * exact(packet.time_base) > self.end + _MARGIN:
                    return
                if packet.size and packet.stream.index != self.video.index:
                    yield packet

    def _used(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame, counted. Interlaced ones are refused at the beginning, and noted in the middle of a stream."""
        begins = frame.interlaced_frame and not self._interlaced
        self._interlaced = bool(frame.interlaced_frame)
        if begins and not self.progressive:
            when = self._clock(self._time(frame))
            if not self.frames_in:
                why = f"{self.name}: the frame at {when} is interlaced: deinterlace first, with bwdif or yadif"
                raise InputError(why, "or, where only the flags are wrong, give {progressive}")
            self.note(f"the frames from {when} on are interlaced: taken as if they were progressive")
        kinds = set(frame.side_data.keys())
        if not kinds <= self._side_data:
            self._side_data |= kinds
            if self.frames_in and self.brings_new is not None:
                self.brings_new(frame)
        self.frames_in += 1
        return frame

    def _choose(self) -> VideoStream:
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        videos = [stream for stream in self.container.streams.video if not stream.disposition & pictures]
        videos = [stream for stream in videos if stream.codec_context is not None] or videos
        best = self.container.streams.best("video") if videos else None
        if best is None:
            raise InputError(f"{self.name}: no video in this file")
        chosen = best if best in videos else videos[0]
        assert isinstance(chosen, VideoStream)
        if chosen.codec_context is None:
            why = "there is no decoder for its video: convert it with a program that has one, to ProRes or H.264"
            raise InputError(f"{self.name}: {why}")
        width, height = chosen.codec_context.width, chosen.codec_context.height
        if min(width, height) == 1:
            raise InputError(f"{self.name}: frames of {width}x{height} pixels are too small: 2x2 is the least")
        return chosen

    def packets(self, everything: bool) -> Iterator[Packet[Any]]:
        """Demux all streams or the video, going on after errors for as long as packets still come; times go on too."""
        streams = list(self.container.streams) if everything else [self.video]
        continuity = Continuity(self.container.format.flags, self.warn)
        fruitless = 0
        while True:
            try:
                for packet in self.container.demux(streams):
                    fruitless = 0
                    continuity.move(packet)
                    self._joined = continuity.joined
                    yield packet
                return
            except av.error.FFmpegError as error:
                self.note(f"reading failed {self._after()}: {reason(error)}")
                fruitless += 1
                if fruitless > 3:
                    return

    def _decode(self, packet: Packet[Any]) -> Iterator[av.VideoFrame]:
        try:
            decoded = self.decoder(packet)
        except (av.error.FFmpegError, ValueError) as error:
            when = self._after() if packet.pts is None else f"at {self._clock(packet.pts * exact(packet.time_base))}"
            self.note(f"a frame {when} could not be decoded: {reason(error)}")
            return
        for frame in decoded:
            if self._time(frame) >= self.begin:
                self._last = self._time(frame)
                if frame.is_corrupt:
                    self.note(f"the frame at {self._clock(self._last)} is damaged")
            yield frame

    def note(self, message: str) -> None:
        """Add to the errors, or with strict raise InputError."""
        if self.strict:
            raise InputError(f"{self.name}: {message}")
        if len(self.errors) < 1000:
            self.errors.append(message)
        log.log(logging.DEBUG if self.quiet else logging.WARNING, "%s: %s", self.name, message)

    def _check_end(self) -> None:
        if self.container.format.name == "yuv4mpegpipe":  # whose reader passes over a frame that is cut off
            there = self._feed.bytes if self.path == "-" else Path(self.path).stat().st_size
            if there > self._consumed:
                self.note(f"the stream ends within a frame, {self._after()}")
        close = closing_time(self.container, self.video, self.origin)
        if close is None or self._last is None or self._joined or self._given_rate:
            return
        due = close if self.end is None else min(self.end, close)
        length = due - self.origin
        if due - self._last > max(_EARLY, length / 50) + 2 / (self.rate or 1):
            self.note(f"the video ends at {self._clock(self._last)}, but should last {float(length):.3f} s")

    def _seek(self) -> None:
        """To the key frame before ``begin``, or to the start where the format overshoots or cannot seek."""
        target, start = self._entry(), int(self.origin * av.time_base)
        try:
            self.container.seek(target)
            first = next(self.container.decode(self.video), None)
            if first is not None and self._time(first) <= self.begin:
                start = target
        except av.error.FFmpegError as error:
            log.info("%s: cannot seek (%s): reading from the start", self.name, reason(error))
        with suppress(av.error.FFmpegError):
            self.container.seek(start)

    def _entry(self) -> int:
        """Where to seek to, in FFmpeg's microseconds."""
        lead = _UP_ALREADY if self.container.streams.subtitles else Fraction(0)
        return int(max(self.begin - lead, self.origin) * av.time_base)

    def _time(self, frame: av.VideoFrame) -> Fraction:
        if frame.pts is None:
            return self._last if self._last is not None else self.begin
        return frame.pts * exact(frame.time_base)

    def _clock(self, time: Fraction) -> str:
        return f"{float(time - self.origin):.3f} s"

    def _after(self) -> str:
        return "at the start" if self._last is None else f"after {self._clock(self._last)}"
