"""The metadata of TIFF files: the entries of their first directory (TIFF 6.0; XMP part 3; ICC.1 annex B.3)."""

from __future__ import annotations

import struct
from dataclasses import replace

from vsdeblur.stills.about import About, BrokenFile
from vsdeblur.stills.directory import (
    ORIENTATION,
    BrokenDirectory,
    Directory,
    Entry,
    exif_block,
    read_directory,
    write_directory,
)

_BITS, _PHOTOMETRIC, _SAMPLES, _PLANES, _EXTRA = 258, 262, 277, 284, 338
_XMP, _ICC = 700, 34675
# How the pixels lie in the file: the new file has its own.
_PIXELS = frozenset(
    {254, 255, 256, 257, _BITS, 259, _PHOTOMETRIC, 263, 264, 265, 266, 273, _SAMPLES, 278, 279, 280, 281, _PLANES, 288}
    | {289, 290, 291, 292, 293, 297, 301, 317, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, _EXTRA, 339, 340, 341}
    | {342, 347, *range(512, 522), 529, 530, 531, 532}
)
_ASSOCIATED, _STRAIGHT = 1, 2
_GREY, _RGB, _PALETTE, _YCC = (0, 1), 2, 3, 6


def read_about(data: bytes) -> tuple[About, bytes]:
    """The file's metadata, and the file so changed that a reader hands its samples out as they are stored.

    Readers turn pictures by their orientation, and multiply colours by alpha; both are theirs to do who show them.
    Raises BrokenFile, also for pictures that are not grey or RGB.
    """
    try:
        directory, more = read_directory(data)
    except BrokenDirectory as error:
        raise BrokenFile(f"a TIFF file with {error}") from None
    _check(directory)
    about = About(
        exif_block(directory.without(_PIXELS | {_XMP, _ICC})),
        _bytes(directory.entries.get(_XMP)),
        _bytes(directory.entries.get(_ICC)),
        "tiff",
        associated=directory.number(_EXTRA, _STRAIGHT) == _ASSOCIATED,
        pages=more,
    )
    plain = bytearray(data)
    for tag, value in ((ORIENTATION, 1), (_EXTRA, _ASSOCIATED)):
        entry = directory.entries.get(tag)
        if entry is not None and entry.kind == 3:
            struct.pack_into(f"{directory.order}H", plain, entry.at, value)
    return about, bytes(plain)


def write_about(data: bytes, about: About, alpha: bool) -> bytes:
    """An encoded picture with its metadata inserted: a new directory behind the old one, which is given up."""
    encoded = read_directory(data)[0]
    exif = _exif_entries(about.exif).ordered(encoded.order)
    more = {
        tag: Entry(kind, len(body), body) for tag, kind, body in ((_XMP, 1, about.xmp), (_ICC, 7, about.icc)) if body
    }
    merged = replace(encoded, entries={**encoded.entries, **exif.entries, **more}, children=exif.children)
    if alpha:
        merged = merged.shorts(_EXTRA, _ASSOCIATED if about.associated else _STRAIGHT)
    data += b"\0" * (len(data) % 2)
    return data[:4] + struct.pack(f"{encoded.order}I", len(data)) + data[8:] + write_directory(merged, len(data))


def _check(directory: Directory) -> None:
    kind, samples = directory.number(_PHOTOMETRIC, 1), directory.number(_SAMPLES, 1)
    bits = directory.number(_BITS, 1)
    if kind not in (*_GREY, _RGB, _PALETTE, _YCC):
        raise BrokenFile("neither grey nor RGB: convert it to RGB first")
    if samples not in (1, 3, 4) or (kind in _GREY and samples != 1):
        raise BrokenFile(f"a TIFF file of {samples} samples a pixel: convert it to RGB first")
    if bits > 8 and (kind == 0 or (directory.number(_PLANES, 1) == 2 and samples > 1)):
        raise BrokenFile("a TIFF file with white as 0 or planes one after the other: convert it to RGB first")


def _exif_entries(exif: bytes | None) -> Directory:
    """The entries of Exif, but for how pixels lie in its file; nothing where it cannot be read."""
    try:
        return read_directory(exif)[0].without(_PIXELS) if exif else Directory()
    except BrokenDirectory:
        return Directory()


def _bytes(entry: Entry | None) -> bytes | None:
    return entry.data if entry else None
