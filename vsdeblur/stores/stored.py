"""A file in an object store, by a URL such as ``s3://bucket/clip.mov`` that fsspec knows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason, written

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://.+", re.DOTALL)
_READS = "ftp http https mmsh mmst rtmp rtmps rtmpt rtp rtsp rtsps srt tcp tls udp"
_FFMPEG = frozenset(_READS.split(" "))
_FOLDERS = frozenset(["file", "hdfs", "sftp", "smb", "webdav"])  # which others make by themselves, and buckets never
_TRIAL = b"whether vsdeblur may write here"


def is_stored(name: str) -> bool:
    """Whether a name is that of a file in a store: a URL, and none that FFmpeg reads by itself.

    >>> is_stored("s3://bucket/a.mov"), is_stored("https://host/a.mov"), is_stored("C://a.mov"), is_stored("a.mov")
    (True, False, False, False)
    """
    match = _URL.fullmatch(name)
    return match is not None and match[1].lower() not in _FFMPEG


@dataclass(frozen=True, slots=True)
class Stored:
    """A file, or a folder, in a store.

    Attributes:
        url: Its name.
        store: fsspec's file system.
        path: Its name there.
    """

    url: str
    store: Any
    path: str

    @classmethod
    def at(cls, url: str) -> Stored:
        """By its URL. Raises DeblurError where a package is missing, or the URL is none."""
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError:
            raise DeblurError(f"{url} needs fsspec", "pip install 'vsdeblur[stores]'") from None
        with reached(url):
            store, path = url_to_fs(url)
        return cls(url.rstrip("/"), store, str(path).rstrip("/"))

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    def within(self, name: str) -> Stored:
        """A file in this folder."""
        return Stored(f"{self.url}/{name}", self.store, f"{self.path}/{name}")

    def beside(self, suffix: str) -> Stored:
        """With something added to its name."""
        return Stored(self.url + suffix, self.store, self.path + suffix)

    def exists(self) -> bool:
        """Whether it is there. Raises DeblurError."""
        with reached(self.url):
            self.store.invalidate_cache()
            return bool(self.store.exists(self.path))

    def mark(self) -> str:
        """What changes with it. Raises DeblurError."""
        with reached(self.url):
            self.store.invalidate_cache()
            return str(self.store.ukey(self.path))

    def files(self) -> list[str]:
        """The names of all files in this folder and in those within it, ascending; of none where there is no folder."""
        with reached(self.url):
            self.store.invalidate_cache()
            found = self.store.find(self.path) if self.store.exists(self.path) else []
            return sorted(str(one).rstrip("/")[len(self.path) + 1 :] for one in found)

    def fetch(self, path: Path) -> None:
        """Copy it to ``path``, whole or not at all, with the time of its last change. Raises DeblurError."""
        with written(path) as temporary, reached(self.url):
            self.store.get_file(self.path, str(temporary))
            with suppress(NotImplementedError):
                changed = self.store.modified(self.path).timestamp()
                os.utime(temporary, (changed, changed))

    def put(self, path: Path) -> None:
        """Copy ``path`` to it; it appears when it is whole, where the store can do that. Raises DeblurError."""
        with reached(self.url), path.open("rb") as file:
            self._write(file)

    def read(self) -> bytes:
        """All of it. Raises DeblurError."""
        with reached(self.url):
            return bytes(self.store.cat_file(self.path))

    def remove(self) -> None:
        """Remove the file or the folder, where that is allowed."""
        with suppress(Exception):
            self.store.rm(self.path, recursive=True)

    def rehearse(self) -> None:
        """Write a small file beside it, and remove that. Raises DeblurError where it cannot be written."""
        import io

        trial = self.beside(".vsdeblur-trial")
        with reached(self.url, "cannot write"):
            trial._write(io.BytesIO(_TRIAL))
        trial.remove()

    def _write(self, file: Any) -> None:
        protocol = self.store.protocol
        if _FOLDERS.intersection([protocol] if isinstance(protocol, str) else protocol):
            self.store.makedirs(self.store._parent(self.path), exist_ok=True)
        with self.store.transaction, self.store.open(self.path, "wb") as out:
            shutil.copyfileobj(file, out, 16 << 20)


@contextmanager
def reached(url: str, what: str = "cannot reach") -> Iterator[None]:
    """What a store's library complains of, within the block, as one line. Raises DeblurError."""
    try:
        yield
    except DeblurError:
        raise
    except FileNotFoundError:
        raise DeblurError(f"{url}: no such file or folder") from None
    except ImportError as error:
        raise DeblurError(f"{url} needs the package of its store: {reason(error)}") from None
    except Exception as error:  # each store has errors of its own
        raise DeblurError(f"{what} {url}: {reason(error)}") from None
