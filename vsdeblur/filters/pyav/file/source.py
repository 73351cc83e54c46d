"""A media file, or y4m on standard input, as a stream of decoded frames; errors on the way are noted, not fatal."""

from __future__ import annotations

import logging
import sys
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
from vsdeblur.filters.pyav.timeline import exact

log = logging.getLogger("vsdeblur")

_MARGIN = Fraction(2)  # seconds of interleaving: how far the audio may lag behind the last frame of a preview
_UP_ALREADY = Fraction(10)  # seconds before a preview in which a subtitle may have begun that is still up
_EARLY = Fraction(1)  # an input that ends this much before its header says is called truncated

Packets = Callable[["Packet[Stream]"], None]


class Source:
    """An opened input. ``errors`` collects what could not be decoded, each with its time.

    Times on the video's timeline count from ``origin``, the input's first timestamp. ``start`` and ``duration``, in
    seconds, restrict both the frames and the packets of the other streams.
    """

    def __init__(
        self,
        path: str,
        *,
        start: Fraction | None = None,
        duration: Fraction | None = None,
        strict: bool = False,
    ) -> None:
        """Raises InputError where there is nothing that can be decoded."""
        self.path = path
        self.name = "standard input" if path == "-" else path
        self.errors: list[str] = []
        self.frames_in = 0
        self.strict = strict
        self.container = _open(path, self.name)
        try:
            self.video = self._choose()
            self.video.thread_type = "AUTO"
        except BaseException:
            self.container.close()
            raise
        starts = [s.start_time * exact(s.time_base) for s in self.container.streams if s.start_time is not None]
        self.origin = max(min(starts, default=Fraction(0)), Fraction(0))
        self.begin = self.origin + (start or 0)
        self.end = None if duration is None else self.begin + duration
        self.seekable = path != "-"
        self._last: Fraction | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.container.close()

    @property
    def rate(self) -> Fraction | None:
        """The nominal frame rate: the average one, unless the container's guess is close to it and rounder."""
        average, guess = exact(self.video.average_rate), exact(self.video.guessed_rate)
        if average and guess and abs(guess - average) < average / 100:
            return guess
        return average or guess or None

    @property
    def tick(self) -> Fraction:
        """The time base of the video stream, in seconds."""
        return exact(self.video.time_base)

    @cached_property
    def listed(self) -> tuple[list[int], int]:
        """Ticks at which key frames are decoded by the container's list, ascending, and how far that list goes."""
        entries = [(one.timestamp, one.is_keyframe) for one in self.video.index_entries]
        return sorted(tick for tick, key in entries if key), max((tick for tick, _ in entries), default=-1)

    @property
    def total(self) -> int | None:
        """About how many frames there will be; None where the input does not say."""
        length = self._length()
        if length is None or not self.rate:
            return self.video.frames or None if self.begin == self.origin and self.end is None else None
        if self.begin == self.origin and self.end is None and self.video.frames:
            return self.video.frames
        stop = self.origin + length if self.end is None else min(self.end, self.origin + length)
        return max(round((stop - self.begin) * self.rate), 1)

    def frames(self, other: Packets | None = None) -> Iterator[av.VideoFrame]:
        """Decode the video; packets of the other streams go to ``other`` as they come."""
        if self.begin > self.origin and self.seekable:
            self._seek()
        done = False
        for packet in self._packets(other is not None):
            now = packet.dts if packet.dts is not None else packet.pts
            if done and now is not None and now * exact(packet.time_base) > (self.end or 0) + _MARGIN:
                return
            if packet.stream.index != self.video.index:
                if other and packet.size:
                    other(packet)
            elif not done:
                for frame in self._decode(packet):
                    if self.end is not None and self._time(frame) >= self.end:
                        done = True
                        break
                    if self._time(frame) >= self.begin:
                        self.frames_in += 1
                        yield frame
                if done and other is None:
                    return
        self._check_end()

    def other_packets(self) -> Iterator[Packet[Stream]]:
        """The packets of all other streams from the beginning, in a second pass over the file."""
        with _open(self.path, self.name) as container:
            streams = [stream for stream in container.streams if stream.index != self.video.index]
            if self.begin > self.origin:
                container.seek(self._entry())
            for packet in container.demux(streams) if streams else ():
                now = packet.dts if packet.dts is not None else packet.pts
                if self.end is not None and now is not None and now * exact(packet.time_base) > self.end + _MARGIN:
                    return
                if packet.size:
                    yield packet

    def _choose(self) -> VideoStream:
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        videos = [stream for stream in self.container.streams.video if not stream.disposition & pictures]
        best = self.container.streams.best("video") if videos else None
        if best is None:
            raise InputError(f"{self.name}: no video in this file")
        chosen = best if best in videos else videos[0]
        assert isinstance(chosen, VideoStream)
        if chosen.codec_context is None:
            raise InputError(f"{self.name}: there is no decoder for its video")
        return chosen

    def _packets(self, everything: bool) -> Iterator[Packet[Any]]:
        """Demux, going on after errors for as long as packets still come."""
        streams = list(self.container.streams) if everything else [self.video]
        fruitless = 0
        while True:
            try:
                for packet in self.container.demux(streams):
                    fruitless = 0
                    yield packet
                return
            except av.error.FFmpegError as error:
                self.note(f"reading failed {self._after()}: {reason(error)}")
                fruitless += 1
                if fruitless > 3:
                    return

    def _decode(self, packet: Packet[Any]) -> Iterator[av.VideoFrame]:
        try:
            decoded = packet.decode()
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
        log.warning("%s: %s", self.name, message)

    def _check_end(self) -> None:
        length = self._length()
        if length is None or self._last is None:
            return
        due = self.origin + length if self.end is None else min(self.end, self.origin + length)
        if due - self._last > max(_EARLY, length / 50) + 2 / (self.rate or 1):
            self.note(f"the video ends at {self._clock(self._last)}, but should last {float(due - self.origin):.3f} s")

    def _length(self) -> Fraction | None:
        if self.video.duration:
            return self.video.duration * exact(self.video.time_base)
        only_video = all(stream.type == "video" for stream in self.container.streams)
        return Fraction(self.container.duration, av.time_base) if self.container.duration and only_video else None

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


def _open(path: str, name: str) -> Any:
    try:
        if path == "-":
            return av.open(sys.stdin.buffer, "r", format="yuv4mpegpipe")
        return av.open(path, "r")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if path == "-":
            raise InputError(f"standard input is not y4m: {reason(error)}") from None
        detail = "the file is empty" if Path(path).is_file() and not Path(path).stat().st_size else reason(error)
        raise InputError(f"cannot open {path}: {detail}") from None
