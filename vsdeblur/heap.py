"""Giving memory back to the system between the stages of a chunk, and one heap for all threads.

glibc serves blocks below 32 MiB from heaps and keeps what is freed between others. Stages allocate in different sizes,
so that each would grow the heap beside the holes that the last one left. Every thread but the main one would have heaps
of 64 MiB each, in which pictures leave gaps: chunks of 1080p took 70 MiB more in the thread that solves those of
VapourSynth.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


_LITTLE = 32 * 2**20  # bytes
_ARENA_MAX = -8  # of mallopt


def share_one_heap() -> None:
    """Have threads that begin from here on take their memory from the main thread's heap.

    Does nothing where the C library has no heaps for threads.
    """
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (OSError, TypeError, AttributeError):  # as below
        return


def release_unused() -> None:
    """Return the unused pages of the C library's heaps, unless they are little: pages that come back take time.

    Does nothing where the library has no malloc_trim.
    """
    trim, unused = _malloc_trim(), _unused_bytes()
    if trim is not None and (unused is None or unused() > _LITTLE):
        trim(0)


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # Windows has no handle of None; macOS and musl no such function
        return None


@cache
def _unused_bytes() -> Callable[[], int] | None:
    """What gives the bytes that the heaps keep beside blocks in use; None where the C library cannot say."""
    try:
        info = ctypes.CDLL(None).mallinfo2
    except (OSError, TypeError, AttributeError):  # as above; and glibc before 2.33
        return None
    info.restype = _Mallinfo
    return lambda: int(info().fordblks)
