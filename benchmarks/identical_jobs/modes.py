"""mode "frame" and "auto", and a budget so small that frames are solved in tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.scenes import Array, film, shaken, stored
from identical_jobs.tensors import eight_bits, restored


def knocked(frames: int, at: int, size: tuple[int, int]) -> Array:
    """A slow pan in which one frame is shaken by itself."""
    video = film(frames, size, speed=2)
    video[min(at, frames - 1)] = 0.9 * shaken(size, length=14)
    return eight_bits(stored(video))


@job("modes/frame-1", mode="frame", factor=1, frames=1, size=(64, 48))
@job("modes/frame-2", mode="frame", factor=2, frames=2, size=(64, 48), shutter=0.5, preset="fast")
@job("modes/auto-2", mode="auto", factor=2, frames=3, size=(112, 80), shutter=0.5, preset="fast")
def by_frame(frames: int, size: tuple[int, int], **options: Any) -> Parts:
    yield from restored(knocked(frames, 1, size), transfer="srgb", **options)


@job("modes/tiles", max_memory="130MiB")
@job("modes/tiles-best", max_memory="180MiB", preset="best", frames=2)
@job("modes/tiles-prior", max_memory="190MiB", prior="tv", frames=2)
def tiles(frames: int = 4, **options: Any) -> Parts:
    """Several tiles, and chunks shorter than the default."""
    yield from restored(eight_bits(film(frames, (320, 200))), 2, shutter=0.5, **options)


@job("modes/large-shake")
def large_motion() -> Parts:
    """Large erratic shake: the camera's path is fitted first."""
    yield from restored(eight_bits(film(4, (160, 96), sway=14, speed=1)), 2, shutter=0.8)


@job("modes/still")
def still() -> Parts:
    yield from restored(np.repeat(eight_bits(film(1)), 3, 0), 2, shutter=0.5, duplicates=False)
