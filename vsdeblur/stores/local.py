"""Local files in place of those in stores while a job runs: a source's copy, and a target that is put there at the end.

They lie in a folder of the job's own within ``work_folder()``, so that what was interrupted goes on there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vsdeblur.errors import BusyError, DeblurError
from vsdeblur.files import reason
from vsdeblur.stores.stored import Stored, is_stored

SEGMENTS = "segments"  # of a job, as against the whole
PARTS = ".vsdeblur-parts"  # after a target's name: the folder of its segments
_OWN = re.compile(r"\d{1,9}-of-\d{1,9}\.(packets|json)")
_WAIT = 3600.0  # seconds, for the copy that another segment's job makes


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The names that a job reads and writes; those that were given where no store is concerned.

    Attributes:
        source: Of the source.
        target: Of the target.
        stored: Of the target in its store; None where it is a path.
    """

    source: str
    target: str
    stored: Stored | None = None

    def pull(self, part: str = "", anew: Collection[str] = ()) -> None:
        """Copy segments that are in the store and not here.

        Args:
            part: The name of the only one that is wanted; empty for all.
            anew: Those whose copies here are replaced.

        Raises:
            DeblurError: The store cannot be read.
        """
        if self.stored is None:
            return
        folder, here = self.stored.beside(PARTS), Path(self.target + PARTS)
        names = set(filter(_OWN.fullmatch, folder.files()))
        for one in sorted(name.removesuffix(".json") for name in names if name.endswith(".json")):
            record, packets = f"{one}.json", f"{one}.packets"
            if packets in names and one == (part or one) and (one in anew or not (here / record).exists()):
                here.mkdir(exist_ok=True)
                folder.within(packets).fetch(here / packets)
                folder.within(record).fetch(here / record)

    def push(self, part: str) -> None:
        """Put a finished segment into the store; its copy here goes. Raises DeblurError."""
        if self.stored is None:
            return
        folder, here = self.stored.beside(PARTS), Path(self.target + PARTS)
        for suffix in (".packets", ".json"):  # whose record is there is whole
            folder.within(part + suffix).put(here / (part + suffix))
        for suffix in (".json", ".packets"):
            (here / (part + suffix)).unlink()


@contextmanager
def local_files(source: str, target: str, overwrite: bool = False, part: str = "") -> Iterator[LocalFiles]:
    """Within the block local files stand for those in stores; at its end the target is put where it belongs.

    Args:
        source: A path or a URL.
        target: A path or a URL; whether it can be written is tried first.
        overwrite: Whether the target may exist.
        part: The name of the one segment that is made of it; empty for the whole.

    Raises:
        DeblurError: A store cannot be reached, read or written.
    """
    if not is_stored(source) and not is_stored(target):
        yield LocalFiles(source, target)
        return
    stored = writable(target, overwrite) if is_stored(target) else None
    what = SEGMENTS if part else ""
    here = fetched(source, target, what)
    files = LocalFiles(here, str(_made(_folder_of(source, target, what)) / stored.name) if stored else target, stored)
    if part:
        files.pull(part)
    yield files
    if part:
        files.push(part)
        return  # other segments may be using the source
    if stored is not None:
        try:
            stored.put(Path(files.target))
        except DeblurError as error:
            raise DeblurError(f"{error}", f"the result lies in {files.target}") from None
        _remove_parts(stored.beside(PARTS))
    forget(source, target)


def _remove_parts(folder: Stored) -> None:
    """Remove all segments, and the folder where the store has folders and nothing else is in it."""
    for name in filter(_OWN.fullmatch, folder.files()):
        folder.within(name).remove()
    with suppress(Exception):
        folder.store.rmdir(folder.path)


def writable(target: str, overwrite: bool) -> Stored:
    """A target in a store, which was tried to write there. Raises DeblurError where it cannot be, or exists."""
    stored = Stored.at(target)
    if not overwrite and stored.exists():
        raise DeblurError(f"{target} exists", "choose another name or pass {overwrite}")
    stored.rehearse()
    return stored


def fetched(source: str, target: str, what: str = "") -> str:
    """The local copy of a source for the job with this target, made where there is none yet; a path as it is.

    Args:
        source: A path or a URL.
        target: A path or a URL.
        what: SEGMENTS for the copy that all segments made on this machine share.

    Raises:
        DeblurError: It cannot be copied.
    """
    if not is_stored(source):
        return source
    stored = Stored.at(source)
    copy = _folder_of(source, target, what) / _digest(source, stored.mark()) / stored.name
    deadline = time.monotonic() + _WAIT
    while not copy.exists():
        _made(copy.parent)
        try:
            stored.fetch(copy)
        except BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(1.0)
    return str(copy)


def forget(source: str, target: str, what: str = "") -> None:
    """Remove what this machine has of a job that ended. what: See ``fetched``."""
    shutil.rmtree(_folder_of(source, target, what), ignore_errors=True)


def work_folder() -> Path:
    """Where jobs with URLs have their files: VSDEBLUR_WORK, else vsdeblur in the user's folder for caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("VSDEBLUR_WORK") or Path(caches) / "vsdeblur")


def _folder_of(source: str, target: str, what: str = "") -> Path:
    names = [name if is_stored(name) else os.path.abspath(name) for name in (source, target)]
    return work_folder() / _digest(*names, what)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeblurError(f"cannot write {folder}: {reason(error)}", "VSDEBLUR_WORK names another folder") from None
    return folder


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
