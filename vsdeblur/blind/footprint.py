"""Memory that restoring one picture by itself takes."""

from __future__ import annotations

_FLOAT = 4
_FLOATS = 48  # per pixel: the shares of its kernels, copies; measured
_ESTIMATE = 128 * 2**20  # bytes that finding its blur takes, measured


def beside_tiles(pixels: int) -> int:
    """Bytes for one picture of so many pixels, besides its tiles."""
    return _ESTIMATE + _FLOATS * pixels * _FLOAT
