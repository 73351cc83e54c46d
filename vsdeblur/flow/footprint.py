"""Memory of a window's motion, and of finding it."""

from __future__ import annotations

from vsdeblur.flow.resolution import motion_scale
from vsdeblur.footprint import FrameSize

MOTION = 11  # values per point of one frame's path, reliability and occlusion, and of what they are cut from
_PAIRWISE = 15  # values per point and frame of the pairs' flows, beside the frames themselves
_SMOOTH = 25  # of the first path while it is regularised, beside the frames themselves
_NETWORK = 160  # values per point of one frame at work in ``BlurNet`` or ``PathNet``, measured


def field(size: FrameSize) -> int:
    """Bytes of one float32 for every point of the motion."""
    return size.field(motion_scale(size.height, size.width))


def motion_footprint(size: FrameSize, frames: int) -> int:
    """Bytes of the motion of so many frames."""
    return frames * MOTION * field(size)


def finding_footprint(size: FrameSize, frames: int, *, learned: bool, passes: int) -> int:
    """Bytes, beside the result, while the motion of so many frames is found.

    Args:
        size: of a frame.
        frames: of the window.
        learned: whether a network of the project finds or corrects the paths: it works on one frame at a time.
        passes: 2 or more regularise the first path of all frames.
    """
    pairs = (size.channels + _PAIRWISE) * frames
    network = _NETWORK if learned else 0
    smooth = (size.channels + _SMOOTH) * frames if passes > 1 else 0
    return (pairs + max(network, smooth)) * field(size)
