"""Files that somebody else may have put there: opened only where they are regular, and locked against a second job."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

_FLAGS = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file; a pipe does not hang, and a link is not followed.

    Args:
        path: of the file.
        flags: of ``os.open``.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, flags | _FLAGS, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return descriptor


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; the lock of a process that dies goes with it.

    Returns:
        False where the file system has no locks.

    Raises:
        BlockingIOError: Another holds the lock.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, "locked") from None
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # some network drives
        return False
    return True


def open_locked(path: Path) -> int:
    """A descriptor of a file, made where there is none, with the lock on it (where the file system has locks).

    Raises:
        BlockingIOError: Another holds the lock.
        OSError: It cannot be opened, or is no regular file.
    """
    while True:
        descriptor = open_regular(path, os.O_CREAT | os.O_RDWR)
        try:
            if not lock(descriptor) or _is_named(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # renamed or removed by its last holder in between: the name is another file's now


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"{path.name} is no regular file: move it away")


def _is_named(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    return False
