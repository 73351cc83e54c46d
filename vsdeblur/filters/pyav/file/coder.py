"""An encoder in use: exact timestamps in, packets with their durations out."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.encoder import Encoder, start
from vsdeblur.filters.pyav.file.palette import Palette
from vsdeblur.filters.pyav.ticks import ticks


class Coder:
    """An encoder whose packets carry the durations of their frames."""

    def __init__(self, stream: VideoStream, tick: Fraction, encoder: Encoder, container: Any = None) -> None:
        self.stream, self.tick, self._container = stream, tick, container
        self._palette = Palette() if encoder.stored == "pal8" else None
        self._durations: dict[int, int] = {}
        self._last: int | None = None

    @classmethod
    def detached(
        cls, container: str, add_video: Callable[[Any], VideoStream], tick: Fraction, encoder: Encoder
    ) -> Coder:
        """An encoder as it would be in ``container``, whose packets go elsewhere."""
        output = av.open(io.BytesIO(), "w", format=container)
        stream = add_video(output)
        start(output, stream, encoder)
        return cls(stream, tick, encoder, output)

    def encode(self, frame: av.VideoFrame, time: Fraction, duration: Fraction) -> list[Packet[Any]]:
        """Packets, after adding a frame that is shown at ``time`` for ``duration`` seconds."""
        pts = ticks(time, self.tick)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1  # a constant-rate target of a variable-rate source
        self._last = pts
        if self._palette is not None:
            frame = self._palette(frame)
        frame.pts, frame.time_base = pts, self.tick
        frame.duration = max(ticks(time + duration, self.tick) - ticks(time, self.tick), 1)
        self._durations[pts] = frame.duration
        return self._packets(frame)

    def finish(self) -> list[Packet[Any]]:
        """The packets that the encoder still holds."""
        return self._packets(None)

    def _packets(self, frame: av.VideoFrame | None) -> list[Packet[Any]]:
        try:
            packets = self.stream.encode(frame)
        except av.error.FFmpegError as error:
            raise DeblurError(f"{self.stream.codec_context.codec.name} failed: {reason(error)}") from None
        for packet in packets:
            if packet.pts in self._durations:
                packet.duration = self._durations.pop(packet.pts)
        return packets
