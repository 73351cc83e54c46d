"""What the pieces of a bridge are to one another: the expected sharp picture, and what walks along the bridge."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class ExpectedPicture(Protocol):
    """F(x_t, t, s) ~ E[x | x_t]: the expected sharp picture, from a point of the bridge. A network, or more."""

    def __call__(self, x: Tensor, time: float, spread: float) -> Tensor:
        """The expected sharp picture.

        Args:
            x: x_t, of any shape.
            time: t in (0, 1], 1 at the blurry end.
            spread: s, standard deviation of the noise in x_t.

        Returns:
            Of x's shape.
        """
        ...


class Bridge(Protocol):
    """A way from the blurry end of a bridge, t = 1, to the sharp one, t = 0."""

    def __call__(self, expected: ExpectedPicture, y: Tensor, generator: torch.Generator) -> Tensor:
        """The sharp end.

        Args:
            expected: F.
            y: The blurry end.
            generator: Of all that is random, on the processor: the same seed gives the same bytes.

        Returns:
            Of y's shape.
        """
        ...

    def with_steps(self, steps: int) -> Bridge:
        """The same with that many calls of F, 1 or more."""
        ...


def noise_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """White noise of deviation 1 and of x's shape, drawn on the processor."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
