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

    def taken_out(self, frames: Tensor) -> Tensor:
        """The frames (n, C, H, W) with the means of what is beside the overlay in its place."""
        out = frames.clone()
        seen = (~self.mask)[None, None].to(frames)
        for frame in out:
            known, found = frame * seen, self.mask.new_zeros(self.mask.shape)
            for reach in _REACHES:
                share = box(seen, reach)
                here = self.mask & ~found & (share[0, 0] > _ENOUGH)
                frame[:, here] = (box(known, reach) / share.clamp(min=1e-6))[0][:, here]
                found |= here
        return out

    def put_back(self, picture: Tensor, n: int) -> Tensor:
        """A picture (C, H, W) of the period of frame n under the overlay; overwritten."""
        picture[:, self.mask.to(picture.device)] = self.values[n].to(picture)
        return picture
