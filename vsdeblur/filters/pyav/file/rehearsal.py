"""A few frames through encoder and container, in memory: what they refuse, and what they lose, is known beforehand."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
from av.video.stream import VideoStream

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.coder import Coder
from vsdeblur.filters.pyav.file.encoder import Encoder
from vsdeblur.filters.pyav.file.losses import picture_facts, stream_facts
from vsdeblur.filters.pyav.file.tags import Place, Tags, tags_of

_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What an output has beside its pixels, in the words of ``losses``, its tags, and how many chapters."""

    facts: frozenset[str]
    tags: Mapping[Place, Tags]
    chapters: int


def rehearse(
    encoder: Encoder,
    container: str,
    options: Mapping[str, str],
    attach: Callable[[Any], VideoStream],
    sample: av.VideoFrame,
    tick: Fraction,
    duration: Fraction,
) -> Rehearsed | None:
    """Write a few frames into memory, close the container, and read it again.

    Args:
        encoder: that is tried.
        container: the format's name.
        options: of the container.
        attach: adds all streams to an output, and starts it.
        sample: a frame as the encoder will get it.
        tick: of the video's timestamps, seconds.
        duration: of a frame, seconds.

    Returns:
        What was read again; None where there is no reader for the format.

    Raises:
        ArgumentError: for an option that the encoder does not know.
        DeblurError: where encoder or container refuse.
    """
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format=container, container_options=dict(options)) as output:
            stream = attach(output)
            coder = Coder(stream, tick, encoder)
            for n in range(_FRAMES):
                output.mux(coder.encode(sample, n * duration, duration))
            for copied in output.streams:
                if stream_facts([copied]):  # of which mp4 keeps nothing where there is no packet
                    _mux_any(output, copied)
            output.mux(coder.finish())
    except ArgumentError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DeblurError(f"{encoder} in {container} is not possible: {reason(error)}") from None
    return _reread(memory, container, str(encoder))


def _mux_any(output: Any, stream: Any) -> None:
    """A packet of no use to players: the beginning of a PNG, which is a frame of Opus, too."""
    packet: Any = av.Packet(b"\x89PNG\r\n\x1a\n")
    packet.stream, packet.pts, packet.dts, packet.duration = stream, 0, 0, 1
    with suppress(av.error.FFmpegError, ValueError):
        output.mux(packet)


def _reread(memory: io.BytesIO, container: str, what: str) -> Rehearsed | None:
    memory.seek(0)
    known = av.ContainerFormat(container).is_input  # others are recognised by their bytes, of which there are few
    try:
        with av.open(memory, "r", format=container if known else None) as written:
            if not written.streams.video:  # MPEG-TS takes anything, and then nobody knows what it is
                raise DeblurError(f"{what} in {container} is not possible: it could not be read again as video")
            video = written.streams.video[0]
            frame = next(written.decode(video), None)
            facts = picture_facts(video, frame) | stream_facts(written.streams)
            return Rehearsed(frozenset(facts), tags_of(written), len(written.chapters()))
    except av.error.FFmpegError:
        return None
