"""The files that were opened on the page, by path or dropped there."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason
from vsdeblur.studio.places import Places, checked_file

_SPARE = 1 << 30  # bytes that a dropped file leaves free on the disk
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_LONGEST = 120  # characters of a name


@dataclass(frozen=True, slots=True)
class Opened:
    """A file.

    Attributes:
        key: By which the page names it.
        path: Of it.
        name: As the user knows it.
        home: The folder where its results belong.
    """

    key: str
    path: Path
    name: str
    home: Path


class OpenedFiles:
    """All that were opened since the server began; dropped ones are copies in a temporary folder."""

    def __init__(self, places: Places, scratch: Path) -> None:
        """scratch: folder of copies."""
        self.places = places
        self._scratch = scratch
        self._files: dict[str, Opened] = {}

    def __iter__(self) -> Iterator[Opened]:
        return iter(self._files.values())

    def __getitem__(self, key: object) -> Opened:
        """By its key. Raises DeblurError."""
        found = self._files.get(key) if isinstance(key, str) else None
        if found is None:
            raise DeblurError("this file is not open")
        return found

    def open(self, text: str) -> Opened:
        """By its path; the same file again is the same. Raises DeblurError."""
        path = self.places.file(text)
        for one in self._files.values():
            if one.path == path:
                return one
        return self._add(path, path.name, path.parent)

    async def receive(self, name: str, length: int | None, parts: AsyncIterator[bytes]) -> Opened:
        """Copy what is dropped on the page, as it comes.

        Args:
            name: That it has there.
            length: Bytes, None where that is not known.
            parts: Its content.

        Raises:
            DeblurError: It does not fit on the disk, or less of it came than was announced.
        """
        free = shutil.disk_usage(self._scratch).free - _SPARE
        if (length or 0) > free:
            raise DeblurError(f"{name} does not fit on the disk of {self._scratch}: open it by its path")
        folder = self._scratch / secrets.token_hex(4)
        folder.mkdir()
        path, got = folder / plain_name(name), 0
        try:
            with path.open("wb") as file:
                async for part in parts:
                    got += len(part)
                    if got > free:
                        raise DeblurError(f"{name} does not fit on the disk of {self._scratch}: open it by its path")
                    file.write(part)
            if not got or (length is not None and got != length):
                raise DeblurError(f"{name} is empty" if not got else f"{name}: {got} of {length} bytes came")
            return self._add(checked_file(path), path.name, self.places.folders[0])
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise DeblurError(f"{name}: {reason(error)}") from None
            raise

    def _add(self, path: Path, name: str, home: Path) -> Opened:
        opened = Opened(secrets.token_hex(4), path, name, home)
        self._files[opened.key] = opened
        return opened


def plain_name(name: str) -> str:
    """A name for a file on any system, without folders.

    >>> plain_name("../../a<b>.mp4")
    'a_b_.mp4'
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    odd = _ODD.sub("_", last).strip(". ")
    stem, dot, ending = odd.rpartition(".")
    return f"{stem[:_LONGEST]}{dot}{ending[:10]}" if stem else odd[:_LONGEST] or "clip"
