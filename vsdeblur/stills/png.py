"""The metadata of PNG files: their chunks (PNG, third edition, W3C 2025)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from vsdeblur.stills.about import About, BrokenFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
# What stays true whatever becomes of the pixels, and comes before them.
_COPIED = ("iCCP", "sRGB", "gAMA", "cHRM", "cICP", "mDCV", "cLLI", "pHYs", "eXIf", "tEXt", "zTXt", "iTXt")
_LARGEST = 2**26  # bytes of a profile or a text; more is an attack


def read_about(data: bytes) -> About:
    """The file's metadata. Raises BrokenFile."""
    exif = xmp = icc = None
    native: list[bytes] = []
    for name, body in _chunks(data):
        if name == "acTL":
            raise BrokenFile("a moving picture")
        if name not in _COPIED:
            continue
        native.append(_chunk(name, body))
        if name == "eXIf":
            exif = body
        elif name == "iCCP":
            icc = _inflated(body[body.find(b"\0") + 2 :])
        elif name == "iTXt" and body.startswith(_XMP):
            xmp = _text(body[len(_XMP) :])
    return About(exif, xmp, icc, "png", tuple(native))


def write_about(data: bytes, about: About) -> bytes:
    """An encoded picture with its metadata inserted."""
    native = about.native if about.family == "png" else tuple(_made(about))
    after_header = len(SIGNATURE) + 12 + 13
    return data[:after_header] + b"".join(native) + data[after_header:]


def _made(about: About) -> Iterator[bytes]:
    if about.icc is not None:
        yield _chunk("iCCP", b"ICC profile\0\0" + zlib.compress(about.icc))
    if about.exif is not None:
        yield _chunk("eXIf", about.exif)
    if about.xmp is not None:
        yield _chunk("iTXt", _XMP + b"\0\0\0\0" + about.xmp)


def _chunk(name: str, body: bytes) -> bytes:
    head = name.encode("ascii") + body
    return struct.pack(">I", len(body)) + head + struct.pack(">I", zlib.crc32(head))


def _chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            break
        yield name.decode("latin-1"), data[at + 8 : at + 8 + length]
        if name == b"IEND":
            return
        at += 12 + length
    raise BrokenFile("a PNG file that ends too soon")


def _text(body: bytes) -> bytes | None:
    """Of an iTXt chunk: compressed or not, after its language and its translated keyword."""
    compressed = body[:1] == b"\1"
    parts = body[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    return _inflated(parts[2]) if compressed else parts[2]


def _inflated(body: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(body, _LARGEST)
    except zlib.error:
        return None
