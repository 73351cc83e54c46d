"""A file of encoded packets with their times, written and read one by one."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from av.packet import Packet

from vsdeblur.errors import InputError
from vsdeblur.locks import open_regular

_HEAD = struct.Struct("<qqqB I")  # pts, dts, duration, key frame, bytes that follow
_PIECE = 1 << 20  # bytes


class PacketWriter:
    """Writes packets, and knows their number, their bytes and the checksum of these."""

    def __init__(self, file: BinaryIO) -> None:
        self.packets = self.bytes = 0
        self._file, self._hash = file, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what is written so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, packets: Iterable[Packet[Any]]) -> None:
        """Append packets. Raises OSError, and InputError for what the file has no place for."""
        for packet in packets:
            if packet.has_sidedata("matroska_block_additional"):
                raise InputError("segments cannot keep the alpha channel of this codec", "leave out {resume}")
            data = bytes(packet)
            record = _HEAD.pack(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, len(data)) + data
            self._file.write(record)
            self._hash.update(record)
            self.packets, self.bytes = self.packets + 1, self.bytes + len(record)


def checksum(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a regular file. Raises OSError."""
    digest, length = hashlib.sha256(), 0
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            length += len(piece)
    return length, digest.hexdigest()


def read_packets(path: Path) -> Iterator[Packet[Any]]:
    """The packets of a file. Raises OSError, and ValueError where it is cut off."""
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise ValueError("it is cut off")
            pts, dts, duration, key, size = _HEAD.unpack(head)
            data = file.read(min(size, os.fstat(file.fileno()).st_size))
            if len(data) < size:
                raise ValueError("it is cut off")
            packet: Packet[Any] = Packet(data)
            packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
            yield packet
