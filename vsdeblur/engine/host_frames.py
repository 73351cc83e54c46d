"""Frames in the host's own format that a filter holds beside the engine."""

from __future__ import annotations

PARCELS = 3  # finished chunks that wait in a host: the one being read, the one before it, and the one in the making


def footprint(frame_bytes: int, outputs: int, inputs: int) -> int:
    """Bytes of the host's frames.

    Args:
        frame_bytes: of one frame in the host's format.
        outputs: of one chunk.
        inputs: frames that one chunk reads, those that only its cadence is found from included.
    """
    return (PARCELS * outputs + inputs) * frame_bytes
