"""Output files: refused before the work where they cannot be, and given their own name only when they are whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsdeblur.errors import ArgumentError, BusyError, DeblurError
from vsdeblur.interrupts import deferred
from vsdeblur.locks import lock, open_locked, open_regular

_LONGEST = 60  # bytes of a target's name that its temporary name shows
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part(\..*)?", re.DOTALL)
_AT_REST = 3600.0  # seconds: where locks are not seen by other machines, a job that lives has written since
_unfinished: set[Path] = set()  # temporary files of which this process has the lock


def reason(error: BaseException) -> str:
    """One line about what a library complained of."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def check_target(path: Path, source: str, overwrite: bool, name: str = "dst", trial: bool = True) -> None:
    """Refuse, before any work, a target that cannot or must not be written.

    Args:
        path: of the target.
        source: that it is made of, "-" for none.
        overwrite: whether it may exist.
        name: of the argument, for messages.
        trial: whether it is tried to write there, as one job at a time may.

    Raises:
        DeblurError: It cannot be written.
    """
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or has a null in it
        raise ArgumentError(name, str(path), f"a file name ({reason(error)})") from None
    if exists and not path.is_file():
        raise ArgumentError(name, str(path), "a file name")
    if exists and source != "-" and os.path.exists(source) and path.samefile(source):
        raise ArgumentError(name, str(path), "another file than the source")
    if exists and not overwrite:
        raise DeblurError(f"{path} exists", "choose another name or pass {overwrite}")
    real = path.resolve()
    if not path.parent.is_dir() or not real.parent.is_dir():
        raise ArgumentError(name, str(path), "in a folder that exists")
    if trial:
        with written(path, keep=False):  # which is refused in a folder that cannot be written, or is being written to
            pass


@contextmanager
def written(path: Path, keep: bool = True) -> Iterator[Path]:
    """A temporary file beside ``path``, which one job at a time may have.

    It gets the name of ``path``, or of the file that this is a link to, at the end of the block; it is removed where
    the block fails.

    Args:
        path: of the target.
        keep: False to remove it in any case.

    Raises:
        DeblurError: Another job writes the same target, or the file cannot be made or renamed.
    """
    real = path.resolve()  # a link is written through, and stays
    temporary = real.with_name(_temporary_name(real.name))
    held: int | None = None
    try:
        with deferred():  # or a file could be made and not noted
            held = _locked(temporary, path)
            _unfinished.add(temporary)
        yield temporary
        if keep:
            _rename(temporary, real, path)
    finally:
        with deferred():
            if held is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                _unlock(temporary, held)
                _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files of all targets that are being written: for a process that ends at once."""
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_dead(folder: Path, at_rest: float = _AT_REST) -> list[str]:
    """Remove the temporary files of jobs that were killed; those of other programs, and of jobs that live, stay.

    Args:
        folder: that they lie in.
        at_rest: seconds since they were last written.

    Returns:
        Their names.
    """
    removed: list[str] = []
    try:
        entries = list(os.scandir(folder))
    except OSError:  # it may be written into, and not be listed
        return removed
    for entry in entries:
        match = _TEMPORARY.fullmatch(entry.name)
        # The name has a digest of the target's: no other program has one that fits.
        if match is None or _temporary_name(match[1] + (match[2] or "")) != entry.name:
            continue
        with contextlib.suppress(OSError):  # among them BlockingIOError, of a job that lives
            if entry.is_file(follow_symlinks=False) and time.time() - entry.stat().st_mtime >= at_rest:
                descriptor = open_regular(Path(entry.path), os.O_RDWR)
                try:
                    if lock(descriptor):
                        os.unlink(entry.path)
                        removed.append(entry.name)
                finally:
                    os.close(descriptor)
    return removed


def _temporary_name(name: str) -> str:
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    shown = os.fsencode(Path(name).stem)[:_LONGEST].decode(errors="ignore")
    return f".{shown}.{digest}.part{Path(name).suffix[:_LONGEST]}"


def _locked(temporary: Path, path: Path) -> int:
    """The descriptor that has the lock of ``temporary``."""
    try:
        return open_locked(_lock_of(temporary))
    except BlockingIOError:
        raise BusyError(f"another job is writing {path}: wait for it, or choose another name") from None
    except OSError as error:
        raise DeblurError(f"cannot write {path}: {reason(error)}") from None


def _unlock(temporary: Path, held: int) -> None:
    os.close(held)
    if _lock_of(temporary) != temporary:
        with contextlib.suppress(OSError):
            _lock_of(temporary).unlink()


def _lock_of(temporary: Path) -> Path:
    """The temporary file itself; on Windows, where no file can be renamed that is open, another one."""
    return temporary.with_name(f"{temporary.name}.lock") if sys.platform == "win32" else temporary


def _rename(temporary: Path, real: Path, path: Path) -> None:
    try:
        with contextlib.suppress(OSError), temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except OSError as error:
        raise DeblurError(f"cannot write {path}: {reason(error)}") from None
