"""Copying what goes with the video: audio, subtitles, data, attachments, chapters, metadata."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import av.error
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.file.tags import Place, Tags, is_tagged, kept, kept_of_stream, placed
from vsdeblur.filters.pyav.file.target import put
from vsdeblur.filters.pyav.stamps import exact

log = logging.getLogger("vsdeblur")


class Copier:
    """Copies the other streams of a source into an output, packet by packet, on the output's timeline.

    Every stream is tried by itself first: one that the container refuses (GoPro's timecode in mp4, fonts outside
    Matroska) is left out with a warning, and the others are kept. ``slow`` stretches time: audio and data are left
    out, subtitles and chapters follow.
    """

    def __init__(
        self,
        source: Source,
        container: str,
        slow: Fraction,
        timecode: Callable[[str], str | None],
        lose: Callable[[str], None],
    ) -> None:
        """Try every stream.

        Args:
            source: whose streams are copied.
            container: the output's format.
            slow: by how much time is stretched.
            timecode: what becomes of a start timecode.
            lose: called with what is left out.
        """
        self.source, self.slow, self._timecode = source, slow, timecode
        self.tags = self._retimed(kept(source.container.metadata))
        self._video_tags = self._retimed(kept_of_stream(source.video.metadata))
        self.accepted: list[Stream] = []
        self._output: Any = None
        self._streams: dict[int, Stream] = {}
        self._waiting: list[Packet[Stream]] = []
        self._last: dict[int, int] = {}  # the decoding time of the last packet, by stream
        dropped: list[str] = []
        for stream in source.container.streams:
            if stream.index == source.video.index:
                continue
            if _is_timecode(stream) and any(name.lower() == "timecode" for name in source.video.metadata):
                continue  # muxers make one of the video's tag
            if slow != 1 and stream.type in ("audio", "data"):
                dropped.append(stream.type)
                continue
            trouble = _refused(stream, container)
            if trouble is None:
                self.accepted.append(stream)
            else:
                what = f"stream {stream.index} ({_called(stream)})"
                lose(f"{what} does not fit into {container} and is left out: {trouble}")
        if dropped:
            kinds = " and ".join(sorted(set(dropped)))
            lose(f"slow motion drops the source's {kinds}, which would not fit the stretched time")

    @property
    def all_tags(self) -> dict[Place, Tags]:
        """What the output is given, by its places."""
        video, streams = self.source.video.index, []
        for stream in sorted([self.source.video, *self.accepted], key=lambda one: one.index):
            if is_tagged(stream):
                own = self._video_tags if stream.index == video else kept_of_stream(stream.metadata)
                streams.append((stream.type, own))
        return placed(self.tags, streams)

    def attach(self, output: Any, add_video: Callable[[Any], VideoStream]) -> VideoStream:
        """Add all streams to the output in the source's order, with metadata and chapters; returns the video."""
        indices = {stream.index for stream in self.accepted}
        video: VideoStream | None = None
        for stream in self.source.container.streams:
            if stream.index == self.source.video.index:
                copy: Stream = add_video(output)
                copy.metadata.update(self._video_tags)
                assert isinstance(copy, VideoStream)
                video = copy
            elif stream.index in indices:
                copy = _add(output, stream)
                self._streams[stream.index] = copy
            else:
                continue
            copy.disposition = stream.disposition
        output.metadata.update(self.tags)
        output.set_chapters(self._chapters())
        assert video is not None
        return video

    def begin(self, output: Any) -> None:
        """The output's header is written: copy what has waited for it, and everything from now on."""
        self._output = output
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.write(packet)

    def write(self, packet: Packet[Stream]) -> None:
        """Copy a packet of any stream of the source, now or when there is an output."""
        if self._output is None:
            self._waiting.append(packet)
        elif self.place(packet):
            put(self._output, [packet], self.source.note)

    def place(self, packet: Packet[Stream]) -> bool:
        """Move a packet onto the output's timeline and stream; False for one that the output does not have."""
        copy = self._streams.get(packet.stream.index)
        if copy is None:
            return False
        if packet.stream.disposition & Disposition.attached_pic:
            packet.pts = packet.dts = 0
        elif not self._move(packet):
            return False
        last = self._last.get(copy.index)
        if last is not None and packet.dts is not None and packet.dts <= last:  # a jump back in a damaged source
            packet.dts = last + 1
            packet.pts = max(packet.pts or 0, packet.dts)
        if packet.dts is not None:
            self._last[copy.index] = packet.dts
        packet.stream = copy
        return True

    def _move(self, packet: Packet[Stream]) -> bool:
        """Shift, stretch and, at the ends of a preview, clip; False for a packet outside of it."""
        tick, duration = exact(packet.time_base), packet.duration or 0
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            return False
        ahead = pts - (packet.dts if packet.dts is not None else pts)
        begin, end = round(self.source.begin / tick), self.source.end
        close = None if end is None else round(end / tick)
        if close is not None and pts >= close:
            return False
        if pts < begin and self.source.begin > self.source.origin:
            if packet.stream.type != "subtitle" or pts + duration <= begin:
                return False
            pts, duration = begin, pts + duration - begin  # a subtitle that was up already
        if close is not None and packet.stream.type == "subtitle":
            duration = min(duration, close - pts)
        packet.pts, packet.dts = round((pts - begin) * self.slow), round((pts - ahead - begin) * self.slow)
        packet.duration = round(duration * self.slow)
        return True

    def _retimed(self, tags: dict[str, str]) -> dict[str, str]:
        """Tags with the start timecode moved, or without it; Matroska has its name in capitals."""
        name = next((name for name in tags if name.lower() == "timecode"), None)
        moved = None if name is None else self._timecode(tags.pop(name))
        return tags if moved is None else {**tags, "timecode": moved}

    def _chapters(self) -> list[Any]:
        chapters = []
        begin, end = self.source.begin, self.source.end
        for chapter in self.source.container.chapters():
            tick = exact(chapter["time_base"])
            opens, closes = max(chapter["start"] * tick, begin), chapter["end"] * tick
            closes = closes if end is None else min(closes, end)
            if closes > opens:
                moved = {
                    "start": round((opens - begin) * self.slow / tick),
                    "end": round((closes - begin) * self.slow / tick),
                }
                chapters.append({**chapter, **moved})
        return chapters


def _refused(stream: Stream, container: str) -> str | None:
    """Why a stream cannot go into a container: tried with a header in memory. None when it can."""
    if stream.type == "data" and stream.name is None:
        return "a kind of data that FFmpeg cannot write"  # some headers take it, and then fail on its packets
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            _add(trial, stream)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError, NotImplementedError) as error:
        return reason(error)
    return None


def _is_timecode(stream: Stream) -> bool:
    return stream.type == "data" and stream.name is None and "timecode" in stream.metadata


def _add(output: Any, stream: Stream) -> Stream:
    copy: Stream = output.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(kept_of_stream(stream.metadata))
    return copy


def _called(stream: Stream) -> str:
    handler = stream.metadata.get("handler_name", "").strip()
    return " ".join(part for part in (stream.type, handler) if part.isprintable())
