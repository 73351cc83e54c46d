"""The metadata of JPEG files: their segments (ITU-T T.81, annex B; Exif 3.0; XMP part 3; ICC.1 annex B.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vsdeblur.stills.about import About, BrokenFile

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_XMP_MORE, _JFIF, _PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"JFIF\0", b"Photoshop 3.0\0"
# What may go into another file as it is. Not: indices of further pictures behind this one (MPF), signatures of the
# pixels (JUMBF), how the coder turned the colours (Adobe).
_COPIED = {0xE0: (_JFIF,), 0xE1: (_EXIF, _XMP, _XMP_MORE), 0xE2: (_ICC,), 0xED: (_PHOTOSHOP,), 0xFE: (b"",)}
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_LONGEST = 0xFFFF - 2
_SCAN = 0xDA


def read_about(data: bytes) -> tuple[About, int]:
    """The file's metadata, and how many components its pixels have. Raises BrokenFile."""
    exif = xmp = None
    profile: dict[int, bytes] = {}
    native: list[bytes] = []
    components = 0
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) > 5:
            components = body[5]
        if not body.startswith(_COPIED.get(marker, ())):
            continue
        native.append(_segment(marker, body))
        if marker == 0xE1 and body.startswith(_EXIF):
            exif = exif or body[len(_EXIF) :]
        elif marker == 0xE1 and body.startswith(_XMP):
            xmp = xmp or body[len(_XMP) :]
        elif marker == 0xE2 and len(body) > len(_ICC) + 2:
            profile[body[len(_ICC)]] = body[len(_ICC) + 2 :]
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    return About(exif, xmp, icc, "jpeg", tuple(native)), components


def write_about(data: bytes, about: About) -> bytes:
    """An encoded picture with its metadata inserted."""
    native = about.native if about.family == "jpeg" else tuple(_made(about))
    pieces = [*native, *(_segment(marker, body) for marker, body in _segments(data))]
    jfif = [piece for piece in pieces if piece[1] == 0xE0]  # one header is enough: the source's, with its density
    rest = [piece for piece in pieces if piece[1] != 0xE0]
    return b"\xff\xd8" + b"".join(jfif[:1] + rest) + data[_scan_at(data) :]


def _made(about: About) -> Iterator[bytes]:
    for body in ((_EXIF, about.exif), (_XMP, about.xmp)):
        if body[1] is not None and len(body[0]) + len(body[1]) <= _LONGEST:
            yield _segment(0xE1, body[0] + body[1])
    if about.icc is not None:
        size = _LONGEST - len(_ICC) - 2
        parts = [about.icc[begin : begin + size] for begin in range(0, len(about.icc), size)]
        for number, part in enumerate(parts, 1):
            yield _segment(0xE2, _ICC + bytes((number, len(parts))) + part)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The markers that come before the first scan, with what they hold."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            raise BrokenFile("a JPEG file that ends before its picture begins")
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == _SCAN:
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _scan_at(data: bytes) -> int:
    at = 2
    for _, body in _segments(data):
        at += 4 + len(body)
    return at
