"""Where a picture changes at all: elsewhere there is no motion for a network to find."""

from __future__ import annotations

from torch import Tensor

from vsdeblur.tensors import box

STILL, CHANGED = 0.5 / 255, 1.5 / 255  # change of values up to which nothing moves, and from which all may
_AROUND = 9  # pixels


def changing(frames: Tensor) -> Tensor:
    """How far the middle of frames (B, 3, C, H, W) of display values differs from either neighbour around a point.

    Returns:
        (B, 1, H, W): 0 where the larger of both differences, mean over channels, is below STILL, 1 above CHANGED.
    """
    differences = (frames[:, ::2] - frames[:, 1:2]).abs().mean(2).amax(1, keepdim=True)
    return ((box(differences, _AROUND) - STILL) / (CHANGED - STILL)).clamp(0, 1)
