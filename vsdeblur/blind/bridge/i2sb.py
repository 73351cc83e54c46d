"""I2SB: the image-to-image Schroedinger bridge, a Brownian bridge between the blurry picture and the sharp one.

    q(x_t | x, y) = N((1 - t) x + t y, e^2 t (1 - t))
    p(x_u | x, x_t) = N((1 - u / t) x + (u / t) x_t, e^2 u (t - u) / t),     u < t

The schedule of the paper, symmetric about the middle, only says which t follow one another: t is the share of the
variance that has been added, e^2 its sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from vsdeblur.blind.bridge.protocol import ExpectedPicture, noise_like


@dataclass(frozen=True, slots=True)
class I2SB:
    """A ``Bridge`` whose steps draw from the posterior of the next point, F in the place of x.

    Attributes:
        steps: Calls of F, 1 or more.
        spread: e, of the bridge, in display values.

    References:
        Liu et al. 2023 (arXiv 2302.05872), proposition 3.3 and algorithm 2.
    """

    steps: int = 4
    spread: float = 0.02

    def with_steps(self, steps: int) -> I2SB:
        """The same with that many calls of F."""
        return replace(self, steps=steps)

    def __call__(self, expected: ExpectedPicture, y: Tensor, generator: torch.Generator) -> Tensor:
        """The sharp end of the bridge, see ``Bridge``."""
        x = y
        for time, after in pairwise(times(self.steps)):
            mean = expected(x, time, self.spread * math.sqrt(time * (1 - time)))
            x = torch.lerp(mean, x, after / time)
            left = self.spread * math.sqrt(after * (time - after) / time)
            x = x + left * noise_like(y, generator) if left else x
        return x


def times(steps: int) -> list[float]:
    """t from 1 to 0, ``steps`` + 1 of them: dense at both ends, where variance is added at a rate that grows as tau^2.

    Args:
        steps: 1 or more.
    """
    taus = [k / steps for k in range(steps, -1, -1)]
    return [4 * tau**3 if tau < 0.5 else 1 - 4 * (1 - tau) ** 3 for tau in taus]
