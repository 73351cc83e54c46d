"""What memory footprints are stated in: the size of a frame, and float32 values per pixel of a tile.

Every stage declares its own footprint beside the code that takes the memory; ``vsdeblur.engine.plan`` adds up what is
held at once and takes the largest of what comes one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from vsdeblur.tiles import longest

FLOAT = 4  # bytes
_FRAGMENTATION = 1.2  # of a stage's blocks: glibc keeps freed ones between others, measured


@dataclass(frozen=True, slots=True)
class FrameSize:
    """Of one frame, pixels and channels."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Pixels of one plane."""
        return self.height * self.width

    @property
    def frame(self) -> int:
        """Bytes of a frame of float32."""
        return self.channels * self.pixels * FLOAT

    def field(self, scale: int) -> int:
        """Bytes of one float32 for every scale x scale pixels."""
        return -(-self.height // scale) * -(-self.width // scale) * FLOAT

    def tile(self, side: int, overlap: int) -> int:
        """Pixels of the largest tile of this inner side, its overlap included."""
        return longest(self.height, side, overlap) * longest(self.width, side, overlap)


@dataclass(frozen=True, slots=True)
class TileFootprint:
    """float32 values per pixel of a tile: per_frame for each of its frames, working for the frame at hand."""

    per_frame: int = 0
    working: int = 0

    def __or__(self, other: TileFootprint) -> TileFootprint:
        """Of two stages one after the other: blocks that one has freed serve the other."""
        return TileFootprint(max(self.per_frame, other.per_frame), max(self.working, other.working))

    def bytes(self, pixels: int, frames: int) -> float:
        """For a tile of so many pixels and frames."""
        return pixels * FLOAT * (frames * self.per_frame + self.working) * _FRAGMENTATION
