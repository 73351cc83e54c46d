"""Decoding a stream as a player shows it: with its transparency, cropped as the container says; smaller on demand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import reduce
from typing import Any

import av
import av.error
from av.filter import Graph
from av.packet import Packet
from av.video.stream import VideoStream

from vsdeblur.filters.pyav.file.hdr import own_colours
from vsdeblur.filters.pyav.graph import chain
from vsdeblur.filters.pyav.stamps import exact

_VPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders pass alpha over


class Decoder:
    """Turns packets of one video stream into frames."""

    def __init__(
        self, stream: VideoStream, retag: Callable[[av.VideoFrame], av.VideoFrame], max_side: int | None = None
    ) -> None:
        """Nothing is decoded yet.

        Args:
            stream: whose packets come.
            retag: puts the tags that are taken into a frame.
            max_side: pixels of the longer side, to which larger frames are scaled down.
        """
        self._retag = retag
        self._context = _alpha_decoder(stream)
        self._crop = Cropper.of(stream)
        self._scale = None if max_side is None else Scaler(max_side)
        self._trouble = own_colours(stream)

    @property
    def remarks(self) -> list[str]:
        """What happens to the pictures, or cannot, in words."""
        cropped = f"the picture is cropped as the container says: {self._crop}" if self._crop else ""
        return [remark for remark in (cropped, self._trouble) if remark]

    def __call__(self, packet: Packet[Any]) -> list[av.VideoFrame]:
        """Frames; those that are held back come with the empty packet at the end. Raises FFmpegError, ValueError."""
        if self._context is None:
            frames: Any = packet.decode()
        else:
            frames = self._context.decode(packet if packet.size else None)
            for frame in frames:
                if frame.pts is not None and not exact(frame.time_base):
                    frame.time_base = packet.time_base
        steps = [step for step in (self._retag, self._crop, self._scale) if step is not None]
        return [reduce(lambda changed, step: step(changed), steps, frame) for frame in frames]


class _Filtered:
    """Frames through a graph of FFmpeg's filters, which is built anew where their kind changes."""

    _kind: tuple[object, ...] = ()
    _graph: Graph | None = None

    def _build(self, frame: av.VideoFrame) -> Graph:
        """The graph for frames like this one."""
        raise NotImplementedError

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The changed frame, with all its other properties."""
        kind = (frame.format.name, frame.width, frame.height)
        if self._graph is None or kind != self._kind:
            self._kind, self._graph = kind, self._build(frame)
        time_base = frame.time_base
        self._graph.vpush(frame)
        changed = self._graph.vpull()
        changed.time_base = time_base
        return changed


class Scaler(_Filtered):
    """Scales frames down to a longer side, to even sizes; smaller frames stay as they are."""

    def __init__(self, longest: int) -> None:
        """longest: pixels."""
        self._longest = longest

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The smaller frame."""
        return frame if max(frame.width, frame.height) <= self._longest else super().__call__(frame)

    def _build(self, frame: av.VideoFrame) -> Graph:
        scale = self._longest / max(frame.width, frame.height)
        width, height = (2 * max(round(length * scale / 2), 1) for length in (frame.width, frame.height))
        kept = "rgba" if frame.format.name == "pal8" else frame.format.name  # means of indices are no colours
        return chain(frame, ("scale", f"{width}:{height}:flags=area"), ("format", kept))


class Cropper(_Filtered):
    """Cuts borders off."""

    def __init__(self, top: int, bottom: int, left: int, right: int) -> None:
        self.borders = top, bottom, left, right

    @classmethod
    def of(cls, stream: VideoStream) -> Cropper | None:
        """As a container says, None where it says nothing, or what cannot be."""
        data = stream.codec_context.coded_side_data.get("frame_cropping")
        if data is None or len(data) < 16:
            return None
        top, bottom, left, right = struct.unpack_from("4I", data)
        context = stream.codec_context
        inside = top + bottom < context.height and left + right < context.width
        return cls(top, bottom, left, right) if inside and any((top, bottom, left, right)) else None

    def __str__(self) -> str:
        top, bottom, left, right = self.borders
        return f"{top} rows above, {bottom} below, {left} columns on the left, {right} on the right"

    def _build(self, frame: av.VideoFrame) -> Graph:
        top, bottom, left, right = self.borders
        part = f"{frame.width - left - right}:{frame.height - top - bottom}:{left}:{top}:exact=1"
        return chain(frame, ("crop", part))


def _alpha_decoder(stream: VideoStream) -> av.VideoCodecContext | None:
    """A decoder that also takes the transparency of WebM, where the stream has one."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    name = _VPX.get(stream.codec_context.codec.canonical_name)
    if tags.get("alpha_mode") != "1" or name is None:
        return None
    try:
        context = av.CodecContext.create(name, "r")
    except (av.error.FFmpegError, ValueError):
        return None
    assert isinstance(context, av.VideoCodecContext)
    context.extradata = stream.codec_context.extradata
    return context
