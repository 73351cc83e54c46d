"""The metadata of WebP files: their chunks (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vsdeblur.stills.about import About, BrokenFile

_ALPHA, _ANIMATED = 0x10, 0x02
_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}


def read_about(data: bytes) -> tuple[About, bool]:
    """The file's metadata, and whether it is coded without loss. Raises BrokenFile."""
    found = dict(reversed(list(_chunks(data))))  # of several the first counts
    features = found.get(b"VP8X")
    if features is not None and len(features) < 10:
        raise BrokenFile("a WebP file with a broken header")
    if features is not None and features[0] & _ANIMATED:
        raise BrokenFile("a moving picture")
    exif = found.get(b"EXIF")
    if exif is not None:
        exif = exif.removeprefix(b"Exif\0\0")  # as some write it
    return About(exif, found.get(b"XMP "), found.get(b"ICCP"), "webp"), b"VP8L" in found


def write_about(data: bytes, about: About, width: int, height: int, alpha: bool) -> bytes:
    """An encoded picture with its metadata inserted."""
    chunks = {b"ICCP": about.icc, b"EXIF": about.exif, b"XMP ": about.xmp}
    more = {name: body for name, body in chunks.items() if body is not None}
    if not more:
        return data
    picture = [(name, body) for name, body in _chunks(data) if name != b"VP8X"]
    flags = sum(_FLAGS[name] for name in more) | (_ALPHA if alpha else 0)
    header = bytes((flags, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    profile = [(name, body) for name, body in more.items() if name == b"ICCP"]
    texts = [(name, body) for name, body in more.items() if name != b"ICCP"]
    body = b"WEBP" + b"".join(map(_chunk, [(b"VP8X", header), *profile, *picture, *texts]))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(item: tuple[bytes, bytes]) -> bytes:
    name, body = item
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            raise BrokenFile("a WebP file that ends too soon")
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
