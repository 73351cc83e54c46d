"""Memory of restoring one picture by itself."""

from __future__ import annotations

from vsdeblur.footprint import FLOAT

TILE_BYTES = 32 * 2**20, 420 * 2**20  # least and most for the tiles of one picture in a clip
TILE_VALUES = 190  # float32 values per pixel of a tile while it is restored
_VALUES = 48  # per pixel of the picture: the weights of its kernels, copies; measured
_ESTIMATE = 128 * 2**20  # bytes at work while its blur is estimated, measured


def beside_tiles(pixels: int) -> int:
    """Bytes of restoring one picture beside its tiles.

    Args:
        pixels: Of the picture.
    """
    return _ESTIMATE + _VALUES * pixels * FLOAT
