"""Directories of TIFF and Exif that were made to take long or much."""

from __future__ import annotations

import struct

import pytest

from vsdeblur.stills import webp
from vsdeblur.stills.about import BrokenFile
from vsdeblur.stills.directory import BrokenDirectory, orientation, read_directory
from vsdeblur.stills.still import decode_still

EXIF = 0x8769


def directory(*entries: tuple[int, int, int, int]) -> bytes:
    """(tag, type, count, value or place) each."""
    return struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)


def blob(*directories: bytes, padding: int = 0) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + b"".join(directories) + bytes(padding)


def test_a_directory_within_itself() -> None:
    with pytest.raises(BrokenDirectory, match="a directory at 8"):
        read_directory(blob(directory((EXIF, 4, 1, 8))))


def test_a_directory_that_comes_twice() -> None:
    size = len(directory((EXIF, 4, 1, 0), (0x8825, 4, 1, 0)))
    twice = blob(directory((EXIF, 4, 1, 8 + size), (0x8825, 4, 1, 8 + size)), directory((1, 3, 1, 1)))
    with pytest.raises(BrokenDirectory, match=f"a directory at {8 + size}"):
        read_directory(twice)


def test_a_long_chain() -> None:
    size = len(directory((EXIF, 4, 1, 0)))
    chain = blob(*(directory((EXIF, 4, 1, 8 + size * (n + 1))) for n in range(3000)))
    with pytest.raises(BrokenDirectory, match="a directory at"):
        read_directory(chain)
    assert orientation(chain) == 1


@pytest.mark.timeout(20)
def test_values_that_share_their_bytes() -> None:
    """Each of a thousand entries has all of the file for its value."""
    entries = [(1000 + n, 7, 4_000_000, 8) for n in range(1000)]
    with pytest.raises(BrokenDirectory, match="more values than it has bytes"):
        read_directory(blob(directory(*entries), padding=4_000_000))


def test_many_entries() -> None:
    with pytest.raises(BrokenDirectory, match="a directory of 5000 entries"):
        read_directory(blob(directory(*((n, 3, 1, 1) for n in range(5000)))))
    assert len(read_directory(blob(directory(*((n, 3, 1, 1) for n in range(900)))))[0].entries) == 900


def test_other_kinds_of_pictures_say_what_to_do() -> None:
    for head, name in ((b"v/1\x01" + bytes(20), "OpenEXR"), (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC")):
        with pytest.raises(BrokenFile, match=rf"but {name}: save it as 16-bit TIFF or PNG first"):
            decode_still(head)


@pytest.mark.parametrize("size", [0, 1, 9])
def test_a_webp_header_that_is_too_short(size: int) -> None:
    body = b"WEBPVP8X" + struct.pack("<I", size) + bytes(size + size % 2)
    with pytest.raises(BrokenFile, match="broken header"):
        webp.read_about(b"RIFF" + struct.pack("<I", len(body)) + body)
