"""InDI: inversion by direct iteration.

    x_t = (1 - t) x + t y + t e n
    x_{t-d} = (d / t) F(x_t, t) + (1 - d / t) x_t

Each step goes the d / t-th part of the way to the expected sharp picture. A single step is regression, and has the
least squared error; many small ones end where there is as much detail as in sharp pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur.blind.bridge.protocol import ExpectedPicture, noise_like


@dataclass(frozen=True, slots=True)
class InDI:
    """A ``Bridge`` of equal steps, random in nothing but the noise at its start.

    Attributes:
        steps: Calls of F, 1 or more.
        noise: e, standard deviation of the noise that y gets, in display values.

    References:
        Delbracio and Milanfar 2023 (arXiv 2303.11435), eq. 6, with constant e.
    """

    steps: int = 1
    noise: float = 0.0

    def with_steps(self, steps: int) -> InDI:
        """The same with that many calls of F."""
        return replace(self, steps=steps)

    def __call__(self, expected: ExpectedPicture, y: Tensor, generator: torch.Generator) -> Tensor:
        """The sharp end of the bridge, see ``Bridge``."""
        x = y + self.noise * noise_like(y, generator) if self.noise else y
        for k in range(self.steps, 0, -1):
            time = k / self.steps
            # The share of x_t that stays is 1 - d / t = (k - 1) / k.
            mean = expected(x, time, time * self.noise)
            x = torch.lerp(mean, x, (k - 1) / k)
        return x
