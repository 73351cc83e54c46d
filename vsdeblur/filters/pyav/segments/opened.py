"""A job that writes segments, or joins them: its first frame is known, and with it how it is encoded."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from av.packet import Packet
from av.video.stream import VideoStream

from vsdeblur.engine.grid import Spans
from vsdeblur.filters.pyav.colour import Converter
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file.coder import Coder
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.outputs import Video, copier_for
from vsdeblur.filters.pyav.segments.fingerprint import arguments_of
from vsdeblur.filters.pyav.segments.kept import kept_settings
from vsdeblur.filters.pyav.segments.parts import Parts
from vsdeblur.filters.pyav.segments.record import Record
from vsdeblur.filters.pyav.stamps import exact
from vsdeblur.filters.pyav.windows import Peekable, Restored

SECONDS = 60.0  # of work in one segment of a job that may be resumed: what an interrupt can lose
_END = Spans().stop


class OpenedJob:
    """What segments are made of and joined by.

    Attributes:
        job: The job.
        first: The first frame of its source.
        arguments: What its packets depend on.
        plan: The memory plan, which has the length of a chunk.
    """

    def __init__(self, job: Job) -> None:
        """Choose how it is encoded. Raises DeblurError, and ArgumentError for a source that is no file."""
        from vsdeblur.filters.pyav.inspect.cost import plan_for

        self.job, self._target = job, Path(job.task.target)
        self._copier = copier_for(job, self._target)
        self.first, self._frames = job.open()
        self._video = Video.choose(job, self.first, self._copier)
        encoder = self._video.encoder
        converter = Converter(self.first, job.options.transfer, encoder.target, even=encoder.even)
        self._sample = converter.blank(self.first)
        self.plan = plan_for(self.first, converter, job.options)
        self.arguments = arguments_of(job, self._video, self.plan)

    def make(self, parts: Parts, chunks: Spans, name: Callable[[int], str]) -> None:
        """Restore and encode chunks, each segment with an encoder of its own.

        Args:
            parts: Where segments are kept.
            chunks: That are made.
            name: Of a segment, given its first chunk.
        """
        video = self._video
        restored = self.job.restored(self._frames, self.first, video.encoder, constant=video.constant, wanted=chunks)
        items = Peekable(restored)
        for span in chunks.ranges:
            begin: int | None = span.start
            while begin is not None:
                begin = self._make_one(parts, items, range(begin, span.stop), name(begin))

    def _make_one(self, parts: Parts, items: Peekable[Restored], span: range, part: str) -> int | None:
        """One segment, from the first chunk of a span on; returns the chunk that the next one begins with."""
        began, source = time.monotonic(), self.job.source
        task = self.job.task
        frames, chunk, repeats = 0, span.start, 0
        following: int | None = None
        with parts.written(part) as file:
            coder = Coder.detached(self._video.container, self._add, self._video.tick, self._video.encoder)
            while (item := items.peek()) is not None and item.chunk in span:
                if item.chunk != chunk or not frames:
                    if frames and task.segment is None and time.monotonic() - began >= SECONDS:
                        following = item.chunk
                        break
                    chunk, repeats = item.chunk, repeats + item.repeats
                items.take()
                file.write(coder.encode(item.frame, item.time, item.duration))
                frames += 1
            if frames:
                file.write(coder.finish())
        parts.add(
            Record(
                part=part,
                begin=span.start,
                end=span.stop if following is None else following,
                last=following is None and span.stop == _END,
                frames=frames,
                packets=file.packets,
                bytes=file.bytes,
                sha256=file.sha256,
                frames_in=source.frames_in,
                repeats=repeats,
                seconds=time.monotonic() - began,
                errors=tuple(source.errors),
                source=str(Path(source.path).resolve()),
                arguments=self.arguments,
                settings=kept_settings(task.given) if task.segment else {},
            )
        )
        return following

    def join(self, parts: Parts, temporary: Path) -> None:
        """Write the target's file from finished segments and the source's other streams. Raises DeblurError."""
        report, source = self.job.report, self.job.source
        records = parts.records
        report.frames_out = parts.frames
        report.repeats = sum(record.repeats for record in records)
        report.errors += list(dict.fromkeys(e for record in records for e in record.errors))
        source.frames_in = max(source.frames_in, *(record.frames_in for record in records))
        with target_file.muxer(temporary, self._target, self._copier.tags) as output:
            stream = self._video.attach(output, self._copier, self._sample)
            target_file.put(output, self._merged(parts, stream), source.note)

    def _add(self, output: Any) -> VideoStream:
        return self._video.add(output, self._sample)

    def _merged(self, parts: Parts, stream: VideoStream) -> Iterator[Packet[Any]]:
        """The video's packets and the others', by decoding time."""

        def video() -> Iterator[Packet[Any]]:
            for packet in parts.packets():
                packet.time_base, packet.stream = self._video.tick, stream
                yield packet

        others = (packet for packet in self.job.source.other_packets() if self._copier.place(packet))
        return heapq.merge(video(), others, key=lambda packet: (packet.dts or 0) * exact(packet.time_base))
