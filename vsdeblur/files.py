"""Output files: refused before the work where they cannot be, and given their own name only when they are whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsdeblur.errors import ArgumentError, DeblurError


def reason(error: BaseException) -> str:
    """One line about what a library complained of."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def check_target(path: Path, source: str, overwrite: bool, name: str = "dst") -> None:
    """Refuse, before any work, a target that cannot or must not be written. source: "-" for none."""
    if path.exists() and not path.is_file():
        raise ArgumentError(name, str(path), "a file name")
    if path.exists() and source != "-" and os.path.exists(source) and path.samefile(source):
        raise ArgumentError(name, str(path), "another file than the source")
    if path.exists() and not overwrite:
        raise DeblurError(f"{path} exists: choose another name or pass overwrite")
    if not path.parent.is_dir():
        raise ArgumentError(name, str(path), "in a folder that exists")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; renamed to it at the end of the block, removed where the block fails."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with contextlib.suppress(OSError), temporary.open("rb+") as file:
            os.fsync(file.fileno())
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise DeblurError(f"cannot write {path}: {reason(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
