"""What a signal raises, and where it must wait because something is half done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Arrived:
    """The exception of a signal that has arrived, and how many blocks of ``deferred`` are open."""

    error: BaseException | None = None
    depth = 0


def arrive(error: BaseException) -> None:
    """Raise ``error`` here, or at the end of the outermost ``deferred``: for handlers of signals."""
    _Arrived.error = error
    if not _Arrived.depth:
        raise error


def raise_pending() -> None:
    """Raise again what has arrived and what was lost: for loops, between two pieces of work.

    An exception that is raised while a weak reference's callback or a callback of a C library runs is printed and
    dropped by Python, and the work would go on to its end.
    """
    if _Arrived.error is not None:
        raise _Arrived.error


def forget() -> bool:
    """Forget what has arrived.

    Returns:
        Whether anything had.
    """
    arrived, _Arrived.error = _Arrived.error is not None, None
    return arrived


@contextmanager
def deferred() -> Iterator[None]:
    """What arrives within the block is raised at its end: for steps of which half must not be done."""
    if threading.current_thread() is not threading.main_thread():  # signals are handled in the main one alone
        yield
        return
    before = _Arrived.error
    _Arrived.depth += 1
    try:
        yield
    finally:
        _Arrived.depth -= 1
        if not _Arrived.depth and _Arrived.error is not before:
            raise_pending()
