"""CDDB: a step towards the data after every estimate of a bridge, so that the result, blurred again, is the input.

    x <- argmin_u  || M (A u - v) ||^2 + (noise / error)^2 || u - F(x_t, t) ||^2

A few steps of Chebyshev's iteration, which need the blur and its adjoint; the paper's deep variant takes conjugate
gradients, its shallow one a single step of steepest descent.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vsdeblur.blind.bridge.observed import Observed
from vsdeblur.blind.bridge.protocol import ExpectedPicture


@dataclass(frozen=True, slots=True, eq=False)
class Consistent:
    """An ``ExpectedPicture``, and after it the data step.

    Attributes:
        expected: F.
        observed: The blurry picture and its blur.
        error: Deviation that F is assumed to have from the true picture, in display values.
        steps: Of Chebyshev's iteration.

    References:
        Chung, Kim and Ye 2023 (arXiv 2305.15809), algorithms 1 and 2.
    """

    expected: ExpectedPicture
    observed: Observed
    error: float = 0.02
    steps: int = 4

    def __call__(self, x: Tensor, time: float, spread: float) -> Tensor:
        """The expected picture, moved towards the data."""
        return self.observed.nearer(self.expected(x, time, spread), self.error, self.steps)
