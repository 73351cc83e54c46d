"""Recordings that were joined: timestamps that start again or leap, moved on for all streams of a file alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.format import Flags
from av.packet import Packet
from av.stream import Disposition

from vsdeblur.filters.pyav.stamps import LEAP, exact

_LEAP_IN_BROADCASTS = Fraction(10)  # seconds, in formats whose timestamps may leap (MPEG-TS and -PS)
_BACK = Fraction(1, 2)  # seconds: a shorter step back is damage, not another recording
_SHORTEST = Fraction(1, 10)  # seconds after which a step back to the beginning is another recording
_ABOUT = Fraction(2)  # seconds by which streams of one recording may begin and end apart
_RECENT = 8  # recordings that a packet may belong to: those of one file lie interleaved where it was joined


@dataclass(slots=True)
class _Clock:
    """Of one stream. first: time at which its recording began. due: when its next packet is. offset: of both.

    length: of the last packet whose length is none of a leap, which is said to last until the next one.
    """

    first: Fraction
    due: Fraction
    offset: Fraction
    length: Fraction


class Continuity:
    """Moves packets in place, so that each recording of a file goes on where the one before ends.

    Attributes:
        joined: Whether there was more than one recording so far.
    """

    def __init__(self, format_flags: int, warn: Callable[[str], None]) -> None:
        """format_flags: of the container's format."""
        self.joined = False
        self._leap = _LEAP_IN_BROADCASTS if Flags.ts_discont in Flags(format_flags) else LEAP
        self._warn = warn
        self._offsets = [Fraction(0)]
        self._clocks: dict[int, _Clock] = {}

    def move(self, packet: Packet[Any]) -> None:
        """Move one packet, which comes in the order of the file."""
        stream, tick = packet.stream, exact(packet.time_base)
        stamp = packet.pts if packet.dts is None and stream.type == "audio" else packet.dts
        if not tick:
            return
        clock = self._clocks.get(stream.index)
        offset = clock.offset if clock else self._offsets[-1]
        is_timed = stream.type in ("video", "audio") and not stream.disposition & Disposition.attached_pic
        if is_timed and stamp is not None:  # the first packets of video with B-frames may come without
            offset = self._offset(stream.index, stamp * tick, (packet.duration or 0) * tick)
        ticks = round(offset / tick)
        if ticks:
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def _offset(self, index: int, time: Fraction, duration: Fraction) -> Fraction:
        clock = self._clocks.get(index)
        if clock is None:
            offset = self._offsets[-1]
            self._clocks[index] = _Clock(time, time + offset + duration, offset, duration)
            return offset
        if not self._goes_on(index, clock, time):
            clock.offset, clock.first = self._recording(clock, time), time
        clock.length = duration if duration <= self._leap else clock.length
        clock.due = time + clock.offset + clock.length
        return clock.offset

    def _goes_on(self, index: int, clock: _Clock, time: Fraction) -> bool:
        now = time + clock.offset
        begun = clock.due - clock.first - clock.offset >= _SHORTEST
        if now < clock.due - _BACK or (time <= clock.first and begun):
            return False
        others = [other.due for n, other in self._clocks.items() if n != index and other.offset == clock.offset]
        return now - max([clock.due, *others]) <= self._leap

    def _recording(self, clock: _Clock, time: Fraction) -> Fraction:
        """The offset of the recording that a time belongs to, which may be one that another stream has reached."""
        for offset in reversed(self._offsets[-_RECENT:]):
            if offset != clock.offset and abs(time + offset - clock.due) <= _ABOUT:
                return offset
        offset = clock.due - time
        self._offsets.append(offset)
        self.joined = True
        self._warn(
            "the timestamps start again or leap (joined recordings): all streams go on there, moved by the same time"
        )
        return offset
