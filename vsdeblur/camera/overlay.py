"""What lies over the picture and does not move with it: subtitles, logos, scales of a viewfinder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from vsdeblur.tensors import box

_REACHES = (3, 5, 9, 17, 33)  # pixels of the squares that the picture under an overlay is filled in from
_ENOUGH = 0.25  # of such a square that has to be picture


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """The overlay of a window's n frames.

    Attributes:
        mask: (H, W), booleans.
        values: (n, C, K), the K pixels of each frame that it covers.
    """

    mask: Tensor
    values: Tensor

    @classmethod
    def of(cls, frames: Tensor, mask: Tensor) -> Overlay:
        """That of frames (n, C, H, W) under a mask (H, W)."""
        return cls(mask, frames[:, :, mask])

    def frames(self, numbers: Sequence[int]) -> Overlay:
        """That of some frames."""
        return replace(self, values=self.values[list(numbers)])

    def inpainted(self, frames: Tensor) -> Tensor:
        """The frames (n, C, H, W) with the means of what is beside the overlay in its place."""
        out, missing = frames.clone(), self.mask
        seen = (~self.mask)[None, None].to(frames)
        for reach in _REACHES:
            share = box(seen, reach)[0, 0]
            here = missing & (share > _ENOUGH)
            missing = missing & ~here
            for frame in out:
                frame[:, here] = box(frame * seen, reach)[0][:, here] / share[here]
        return out

    def put_back(self, picture: Tensor, numbers: Sequence[int]) -> Tensor:
        """A picture (C, H, W), the mean of instants in the periods of these frames, under the overlay; overwritten."""
        first, *others = numbers
        values = self.values[first].to(picture)
        for n in others:
            values = values + self.values[n].to(picture)
        picture[:, self.mask] = values / len(numbers)
        return picture
