"""Where the files of a batch lie: a folder on this machine, or one in a store."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from vsdeblur.batch.listing import listed, sorted_out
from vsdeblur.errors import DeblurError, InputError
from vsdeblur.files import reason
from vsdeblur.stores.stored import Stored, is_stored


class Place(Protocol):
    """A folder of sources or of outputs, whose files are called by their paths within it, with "/"."""

    @property
    def name(self) -> str:
        """As the user gave it."""

    def listed(self) -> tuple[list[str], list[str]]:
        """The videos in it and in the folders within it, and other files. Raises DeblurError."""

    def key(self, name: str) -> tuple[int, int]:
        """What a file is recognised by in a later run: bytes, and what changes with it."""

    def address(self, name: str) -> str | Path:
        """What ``transcode`` reads or writes the file by; the folder that it lies in is there."""

    def has(self, name: str) -> bool:
        """Whether the file is there."""

    def summary(self) -> Path:
        """A folder on this machine with the summary of an earlier run, which the new one is written into."""

    def publish(self, *names: str) -> None:
        """Put what was written into ``summary()`` where it belongs."""


@dataclass(frozen=True, slots=True)
class Folder:
    """On this machine."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def listed(self) -> tuple[list[str], list[str]]:
        """See ``Place``."""
        return listed(self.path)

    def key(self, name: str) -> tuple[int, int]:
        """Its length, and when it was changed last, nanoseconds since 1970."""
        try:
            status = (self.path / name).stat()
        except OSError:  # a link that leads nowhere
            return 0, 0
        return status.st_size, status.st_mtime_ns

    def address(self, name: str) -> Path:
        """See ``Place``. Raises OSError where the folder cannot be made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def has(self, name: str) -> bool:
        """See ``Place``."""
        return (self.path / name).is_file()

    def summary(self) -> Path:
        """The folder itself. Raises InputError where it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: {reason(error)}") from None
        return self.path

    def publish(self, *names: str) -> None:
        """It lies there already."""


@dataclass(frozen=True, slots=True)
class Store:
    """In a store; its summary is written in a folder of this machine first."""

    folder: Stored
    mirror: Path

    @property
    def name(self) -> str:
        """Its URL."""
        return self.folder.url

    def listed(self) -> tuple[list[str], list[str]]:
        """See ``Place``."""
        return sorted_out(self.folder.files())

    def key(self, name: str) -> tuple[int, int]:
        """Zero, and a digest of what the store says of it."""
        try:
            mark = self.folder.within(name).mark()
        except DeblurError:  # it is gone
            return 0, 0
        return 0, int.from_bytes(hashlib.sha256(mark.encode()).digest()[:6])

    def address(self, name: str) -> str:
        """See ``Place``."""
        return self.folder.within(name).url

    def has(self, name: str) -> bool:
        """See ``Place``."""
        return self.folder.within(name).exists()

    def summary(self) -> Path:
        """See ``Place``."""
        return self.mirror

    def publish(self, *names: str) -> None:
        """See ``Place``. Raises DeblurError."""
        for name in names:
            self.folder.within(name).put(self.mirror / name)


@contextmanager
def place_at(name: str | os.PathLike[str], *summary: str) -> Iterator[Place]:
    """The place of that name, a path or a URL.

    Args:
        name: The folder.
        summary: Files of a summary, which are copied where it is a target.

    Raises:
        DeblurError: The store cannot be reached, or cannot be written as a target must be.
    """
    if not is_stored(os.fspath(name)):
        yield Folder(Path(name))
        return
    stored = Stored.at(os.fspath(name))
    with TemporaryDirectory() as mirror:
        place = Store(stored, Path(mirror))
        if summary:
            stored.within(summary[0]).rehearse()
        for one in filter(place.has, summary):
            stored.within(one).fetch(place.mirror / one)
        yield place
