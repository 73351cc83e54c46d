"""Image file directories: the numbered entries that Exif is made of, and TIFF files (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

ORIENTATION = 0x0112
_CHILDREN = (0x8769, 0x8825, 0xA005)  # where Exif, GPS and interoperability directories lie
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SWAPPED = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}  # of these types: bytes that belong together
_SHORT, _LONG = 3, 4
_MOST = 4000  # entries of all directories together; more only in what is no directory
_BESIDES = 1 << 20  # bytes that the values of all entries may have beyond those of the file: they may share a few
_DEEPEST = 4  # Exif in a file, and interoperability in it, are three


class BrokenDirectory(ValueError):
    """Bytes that are not what they say."""


@dataclass(frozen=True, slots=True)
class Entry:
    """kind: TIFF type, 1 to 13. data: the values in the directory's byte order. at: where they were read from."""

    kind: int
    count: int
    data: bytes
    at: int = -1


@dataclass(frozen=True, slots=True)
class Directory:
    """order: "<" or ">". entries: by tag. children: directories that entries of these tags lead to."""

    order: str = "<"
    entries: Mapping[int, Entry] = field(default_factory=dict)
    children: Mapping[int, Directory] = field(default_factory=dict)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The values of a tag of whole numbers, none where it is missing."""
        entry = self.entries.get(tag)
        letter = {1: "B", _SHORT: "H", _LONG: "I"}.get(entry.kind) if entry else None
        if entry is None or letter is None:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{letter}", entry.data)

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        return next(iter(self.numbers(tag)), default)

    def shorts(self, tag: int, *values: int) -> Directory:
        """With 16-bit values under a tag."""
        entry = Entry(_SHORT, len(values), struct.pack(f"{self.order}{len(values)}H", *values))
        return replace(self, entries={**self.entries, tag: entry})

    def without(self, tags: frozenset[int]) -> Directory:
        """Without these tags."""
        return replace(self, entries={tag: entry for tag, entry in self.entries.items() if tag not in tags})

    def ordered(self, order: str) -> Directory:
        """The same in another byte order. What makers keep in a format of their own (type 7) stays as it is."""
        if order == self.order:
            return self
        entries = {
            tag: replace(entry, data=_swapped(entry.data, _SWAPPED.get(entry.kind, 1)))
            for tag, entry in self.entries.items()
        }
        return Directory(order, entries, {tag: child.ordered(order) for tag, child in self.children.items()})


def read_directory(blob: bytes) -> tuple[Directory, bool]:
    """The first directory of a TIFF file or of Exif, and whether another one follows. Raises BrokenDirectory."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(blob[:4])
    if order is None or len(blob) < 8:
        raise BrokenDirectory("no TIFF header")
    return _Reader(blob, order).read(struct.unpack_from(f"{order}I", blob, 4)[0], 1)


class _Reader:
    """Reads directories, each once, within a budget of entries and bytes."""

    def __init__(self, blob: bytes, order: str) -> None:
        self._blob, self._order = blob, order
        self._seen: set[int] = set()
        self._entries, self._bytes = _MOST, len(blob) + _BESIDES

    def read(self, at: int, depth: int) -> tuple[Directory, bool]:
        """The directory at a place, with those below, and whether another one follows."""
        blob, order = self._blob, self._order
        if at in self._seen or depth > _DEEPEST or not 8 <= at <= len(blob) - 2:
            raise BrokenDirectory(f"a directory at {at}")
        self._seen.add(at)
        (count,) = struct.unpack_from(f"{order}H", blob, at)
        end = at + 2 + 12 * count
        self._entries -= count
        if self._entries < 0 or end > len(blob):
            raise BrokenDirectory(f"a directory of {count} entries")
        entries: dict[int, Entry] = {}
        children: dict[int, Directory] = {}
        for position in range(at + 2, end, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", blob, position)
            size = _SIZES.get(kind, 0) * number
            where = position + 8 if size <= 4 else struct.unpack_from(f"{order}I", blob, position + 8)[0]
            if not size or where + size > len(blob):
                continue  # readers pass over what they cannot follow
            self._bytes -= size
            if self._bytes < 0:
                raise BrokenDirectory("more values than it has bytes")
            entry = Entry(kind, number, blob[where : where + size], where)
            if tag in _CHILDREN and kind in (_LONG, 13) and number == 1:
                child = struct.unpack(f"{order}I", entry.data)[0]
                children[tag] = self.read(child, depth + 1)[0]
            else:
                entries[tag] = entry
        following = struct.unpack_from(f"{order}I", blob, end)[0] if end + 4 <= len(blob) else 0
        return Directory(order, entries, children), following != 0


def write_directory(directory: Directory, at: int) -> bytes:
    """The bytes of a directory, its values and its children, for a place ``at`` (even) in a file."""
    order = directory.order
    tags = sorted([*directory.entries, *directory.children])
    table, beyond = b"", b""
    free = at + 2 + 12 * len(tags) + 4
    for tag in tags:
        if tag in directory.children:
            table += struct.pack(f"{order}HHII", tag, _LONG, 1, free + len(beyond))
            beyond += write_directory(directory.children[tag], free + len(beyond))
        else:
            entry = directory.entries[tag]
            table += struct.pack(f"{order}HHI", tag, entry.kind, entry.count)
            if len(entry.data) <= 4:
                table += entry.data.ljust(4, b"\0")
            else:
                table += struct.pack(f"{order}I", free + len(beyond))
                beyond += entry.data + b"\0" * (len(entry.data) % 2)
    return struct.pack(f"{order}H", len(tags)) + table + b"\0" * 4 + beyond


def exif_block(directory: Directory) -> bytes:
    """A directory as the Exif of a JPEG, PNG or WebP file."""
    header = b"II*\0" if directory.order == "<" else b"MM\0*"
    return header + struct.pack(f"{directory.order}I", 8) + write_directory(directory, 8)


def orientation(exif: bytes | None) -> int:
    """1 (upright) to 8, as Exif has it; 1 where there is none that can be read."""
    try:
        value = read_directory(exif)[0].number(ORIENTATION, 1) if exif else 1
    except BrokenDirectory:
        return 1
    return value if 1 <= value <= 8 else 1


def _swapped(data: bytes, size: int) -> bytes:
    return np.frombuffer(data, f"u{size}").byteswap().tobytes() if size > 1 else data
