"""SSIMULACRA 2 (Sneyers 2022), by the plugin vszip for VapourSynth: how alike two pictures look.

Structural similarity, edges that were added and edges that were lost, in the colour space XYB at six scales, weighed as
people judge pictures: 100 is identical, 90 no visible difference, 50 a loss seen at once; it may be below 0.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from vsdeblur.bench.protocol import Frames

if TYPE_CHECKING:
    import vapoursynth as vs


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether the plugin is installed (``pip install vapoursynth-vszip``)."""
    if find_spec("vapoursynth") is None:
        return False
    import vapoursynth as vs

    return hasattr(vs.core, "vszip")


def ssimulacra2(restored: Frames, sharp: Frames) -> list[float]:
    """The score of each frame (T, H, W, 3) against the true one, which are in sRGB or nearly so."""
    import vapoursynth as vs

    judged = vs.core.vszip.SSIMULACRA2(_clip(sharp), _clip(restored))
    return [float(frame.props["SSIMULACRA2"]) for frame in judged.frames(close=True)]


def _clip(frames: Frames) -> vs.VideoNode:
    import vapoursynth as vs

    length, height, width, _ = frames.shape
    blank = vs.core.std.BlankClip(width=width, height=height, length=length, format=vs.RGB24, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for channel in range(3):
            np.copyto(np.asarray(frame[channel]), frames[n, ..., channel])
        return frame

    painted: vs.VideoNode = blank.std.ModifyFrame(blank, paint)
    return painted
