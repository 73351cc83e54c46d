"""White noise that belongs to places of a picture: a tile gets the noise that the whole picture has there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Noise = Callable[[Tensor, int], Tensor]  # of deviation 1, by shape and number of the step
BLOCK = 64  # pixels along a side that share a generator


@dataclass(frozen=True, slots=True)
class PlacedNoise:
    """White noise of deviation 1, a function of seed, step and place.

    Attributes:
        seed: Of all of it.
        top: Row of the picture at which row 0 of the states lies; negative where a margin precedes it.
        left: The same of columns.
    """

    seed: int
    top: int = 0
    left: int = 0

    def __call__(self, like: Tensor, step: int) -> Tensor:
        """Noise for one step.

        Args:
            like: (B, C, H, W), gives shape, type and device alone.
            step: Number of the step, 0 or more.
        """
        batch, channels, height, width = like.shape
        rows = range(self.top // BLOCK, (self.top + height - 1) // BLOCK + 1)
        columns = range(self.left // BLOCK, (self.left + width - 1) // BLOCK + 1)
        shape = (batch, channels, BLOCK, BLOCK)
        pieces = [[torch.randn(shape, generator=self._generator(step, y, x)) for x in columns] for y in rows]
        whole = torch.cat([torch.cat(band, -1) for band in pieces], -2)
        y, x = self.top - rows[0] * BLOCK, self.left - columns[0] * BLOCK
        return whole[..., y : y + height, x : x + width].to(like)

    def _generator(self, step: int, row: int, column: int) -> torch.Generator:
        # One number of 64 bits out of four: consecutive seeds of Mersenne's twister start alike.
        mixed = self.seed
        for part in (step, row & 0xFFFFFFFF, column & 0xFFFFFFFF):
            mixed = (mixed ^ part) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
            mixed ^= mixed >> 31
        return torch.Generator().manual_seed(mixed - 2**63)


def no_noise(like: Tensor, step: int) -> Tensor:
    """Zeros, of the shape of ``like``."""
    return torch.zeros_like(like)
