"""Giving memory back to the system between the stages of a chunk.

glibc serves blocks below 32 MiB from heaps (64 MiB each on any but the main thread) and keeps what is freed between
others. Stages allocate in different sizes, so that each would grow the heap beside the holes that the last one left.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def release_unused() -> None:
    """Return the unused pages of the C library's heaps; does nothing where the library has no malloc_trim."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # Windows has no handle of None; macOS and musl no such function
        return None
