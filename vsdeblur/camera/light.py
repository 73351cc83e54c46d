"""The light of a window's exposures: a gain for each of them, and where neighbours have nothing in common."""

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
        breaks: (n, 1, h, w) in [0, 1], where a frame and the one before it are unrelated.
        apart: (n, 1, h, w) in [0, 1], where they are not to be blended: there, or since light changes too much.
    """

    gains: Tensor
    breaks: Tensor
    apart: Tensor

    def gain(self, n: int, size: tuple[int, int]) -> Tensor | None:
        """The gain of frame n at full size (H, W), (C, H, W); None where it is 1 everywhere."""
        gain = self.gains[n : n + 1]
        if bool((gain == 1).all()):
            return None
        return F.interpolate(gain, size, mode="bilinear")[0]

    def frames(self, numbers: Sequence[int], known: Sequence[bool]) -> Light:
        """That of some frames; ``known`` says of each whether it still follows the one that it followed."""
        follows = self.breaks.new_tensor(known)[:, None, None, None]
        some = list(numbers)
        return Light(self.gains[some], self.breaks[some] * follows, self.apart[some] * follows)

    def cuts(self, start: int) -> frozenset[int]:
        """The frames, counted from ``start``, that are not to be blended with the one before, somewhere."""
        return frozenset(start + n for n, apart in enumerate(self.apart) if bool(apart.any()))

    def edges(self, n: int) -> Tensor:
        """Where frame n is not to be blended with a neighbour on either side, (1, 1, h, w) in [0, 1]."""
        return self.apart[n : n + 2].amax(0, keepdim=True)

    def taken_out(self, frames: Tensor) -> Tensor:
        """Frames (n, C, H, W) in one light; further channels than those of the gains are kept."""
        out, colour = frames.clone(), self.gains.shape[1]
        for n, frame in enumerate(out):
            gain = self.gain(n, (frame.shape[-2], frame.shape[-1]))
            if gain is not None:
                frame[:colour] /= gain.to(frame)
        return out

    def put_back(self, picture: Tensor, n: int) -> Tensor:
        """A picture (C, H, W) of the period of frame n in that frame's light; overwritten."""
        gain = self.gain(n, (picture.shape[-2], picture.shape[-1]))
        if gain is not None:
            picture[: len(gain)] *= gain.to(picture)
        return picture
