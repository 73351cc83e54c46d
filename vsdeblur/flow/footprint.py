"""Memory of a window's motion, and of finding it."""

from __future__ import annotations

from vsdeblur.flow.resolution import motion_scale
from vsdeblur.footprint import FrameSize

SCRATCH = 60  # values per point that OpenCV's DIS takes for one pair, measured
MOTION = 9  # values per point of one frame's path, a cubic one, reliability and occlusion
SPLATTING = 3  # of one key frame's weights of splatting, while they are made
# Values per point while motion is found, beside the window and the result; measured.
_FIRST = 6  # of one frame and its flows, in the first pass, beside the frame as it is and as display values
_CORRECTED = 1  # of one frame while a network corrects the paths, beside the frame as display values
_REFINED = 7  # of one frame in a further pass: its first path and the new motion
_PAIR = 40  # of a pair of frames that are blurred alike, and moved
NETWORKS = {"blur": 90, "paths": 160}  # of one frame at work


def field(size: FrameSize) -> int:
    """Bytes of one float32 for every point of the motion."""
    return size.field(motion_scale(size.height, size.width))


def motion_footprint(size: FrameSize, frames: int) -> int:
    """Bytes of the motion of so many frames."""
    return frames * MOTION * field(size)


def splatting_footprint(size: FrameSize, key_frames: int) -> int:
    """Bytes of the weights that points of so many key frames are splatted with."""
    return key_frames * SPLATTING * field(size)


def finding_footprint(size: FrameSize, frames: int, *, engine: str | None, passes: int) -> int:
    """Bytes, beside the result, while the motion of so many frames is found.

    Args:
        size: of a frame.
        frames: of the window.
        engine: which of the project's networks finds or corrects the paths, one frame at a time; None for none.
        passes: 2 or more find what is left of the motion between frames that are blurred alike, two at a time.
    """
    first = (2 * size.channels + _FIRST) * frames + SCRATCH
    corrected = 0 if engine is None else (size.channels + _CORRECTED) * frames + NETWORKS[engine]
    refined = (size.channels + _REFINED) * frames + _PAIR + SCRATCH if passes > 1 else 0
    return max(first, corrected, refined) * field(size)


def workers_within(size: FrameSize, spare: int) -> int:
    """Pairs whose flow is found at once, or frames that "blur" corrects, in ``spare`` bytes beside the first one."""
    return 1 + max(spare, 0) // (max(_PAIR // 2 + SCRATCH, NETWORKS["blur"]) * field(size))
