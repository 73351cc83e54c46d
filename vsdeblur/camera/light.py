"""The light of a window's exposures: a gain for each of them, and masks of where neighbours are not blended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What the pairs of a window's n frames say, at the size (h, w) of small pictures.

    Attributes:
        gains: (n, C, h, w) above 0, of the colours; exactly 1 where the light is that of most frames.
        local_cuts: (n, 1, h, w) in [0, 1], where a frame and the one before it are unrelated, as across a scene cut.
        unblended: (n, 1, h, w) in [0, 1], where they are not to be blended: at local cuts, and where the gain changes
            too much.
    """

    gains: Tensor
    local_cuts: Tensor
    unblended: Tensor

    def frames(self, numbers: Sequence[int], known: Sequence[bool]) -> Light:
        """That of some frames; ``known`` says of each whether it still follows the one that it followed."""
        follows = self.local_cuts.new_tensor(known)[:, None, None, None]
        some = list(numbers)
        return Light(self.gains[some], self.local_cuts[some] * follows, self.unblended[some] * follows)

    def cuts(self, start: int) -> frozenset[int]:
        """The frames, counted from ``start``, that are not to be blended with the one before, somewhere."""
        return frozenset(start + n for n, mask in enumerate(self.unblended) if bool(mask.any()))

    def unblended_beside(self, n: int) -> Tensor:
        """Where frame n is not to be blended with the frame before it or the one after it, (1, 1, h, w) in [0, 1]."""
        return self.unblended[n : n + 2].amax(0, keepdim=True)

    def normalised(self, frames: Tensor) -> Tensor:
        """Frames (n, C, H, W) divided by their gains; further channels than those of the gains are kept."""
        out, colour = frames.clone(), self.gains.shape[1]
        for gain, frame in zip(self.gains, out, strict=True):
            if bool((gain != 1).any()):
                frame[:colour] /= gain_at(gain[None], frame)
        return out


def gain_at(gain: Tensor, picture: Tensor) -> Tensor:
    """A gain (1, C, h, w) at the size of a picture (C, H, W), of its type."""
    return F.interpolate(gain.to(picture.dtype), picture.shape[-2:], mode="bilinear")[0]
