"""Output files: refused before the work where they cannot be, and given their own name only when they are whole."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsdeblur.errors import ArgumentError, DeblurError

log = logging.getLogger("vsdeblur")

_LONGEST = 60  # bytes of a target's name that its temporary name shows
_unfinished: set[Path] = set()


def reason(error: BaseException) -> str:
    """One line about what a library complained of."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def check_target(path: Path, source: str, overwrite: bool, name: str = "dst") -> None:
    """Refuse, before any work, a target that cannot or must not be written. source: "-" for none."""
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
    temporary = real.with_name(f"{_temporary_stem(real.name)}.part{real.suffix[:_LONGEST]}")
    with _locked(temporary, path):
        _unfinished.add(temporary)
        try:
            yield temporary
            if keep:
                _rename(temporary, real, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
            _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files of all targets that are being written: for a process that ends at once."""
    for temporary in list(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _temporary_stem(name: str) -> str:
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    shown = os.fsencode(name)[:_LONGEST].decode(errors="ignore").rpartition(".")[0] or name[:8]
    return f".{shown}.{digest}"


@contextmanager
def _locked(temporary: Path, path: Path) -> Iterator[None]:
    try:
        file = temporary.open("ab")
    except OSError as error:
        raise DeblurError(f"cannot write {path}: {reason(error)}") from None
    with file:
        try:
            import fcntl
        except ImportError:  # on Windows, where no file can be renamed that is open
            file.close()
        else:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DeblurError(f"another job is writing {path}: wait for it, or choose another name") from None
            except OSError as error:  # some network drives have no locks
                log.info("%s: cannot be locked (%s)", temporary, reason(error))
        yield


def _rename(temporary: Path, real: Path, path: Path) -> None:
    try:
        with contextlib.suppress(OSError), temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except OSError as error:
        raise DeblurError(f"cannot write {path}: {reason(error)}") from None
