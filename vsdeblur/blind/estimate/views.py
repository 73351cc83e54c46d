"""The same picture seen otherwise: transposed, or turned by half.

Alternation descends to a minimum nearby, and rounding decides which: of fourteen shaken photographs six were without an
estimate that passed the gate, and two of the six had one when they were turned or transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from vsdeblur.blind.operators.filter_flow import FilterFlow


@dataclass(frozen=True, slots=True)
class Viewed:
    """An estimator that looks at another view of a picture.

    Attributes:
        estimate: (1, C, H, W), display values, to its blur.
        transposed: Whether rows and columns are exchanged.
        turned: Whether the picture is turned by half.
    """

    estimate: Callable[[Tensor], FilterFlow]
    transposed: bool = False
    turned: bool = False

    def __call__(self, picture: Tensor) -> FilterFlow:
        """The blur of a picture (1, C, H, W) as it is."""
        view = picture.transpose(-1, -2) if self.transposed else picture
        view = view.flip(-1, -2) if self.turned else view
        blur = self.estimate(view.contiguous())
        blur = turned(blur) if self.turned else blur
        return transposed(blur) if self.transposed else blur


def transposed(blur: FilterFlow) -> FilterFlow:
    """The blur of the transposed picture."""
    kernels = blur.kernels_at.transpose(0, 1).transpose(2, 3).contiguous()
    return FilterFlow(kernels, blur.size[::-1], blur.spacing, blur.origin[::-1])


def turned(blur: FilterFlow) -> FilterFlow:
    """The blur of the picture turned by half."""
    last = [
        first + blur.spacing * (count - 1) for first, count in zip(blur.origin, blur.kernels_at.shape, strict=False)
    ]
    y, x = (length - 1 - end for length, end in zip(blur.size, last, strict=True))
    return FilterFlow(blur.kernels_at.flip(0, 1, 2, 3), blur.size, blur.spacing, (y, x))
