"""What a blur is to everything that estimates, undoes or draws one."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from vsdeblur.operators import LinearOperator


class Blur(LinearOperator, Protocol):
    """v = A u: what the movement during one exposure makes of a sharp picture; linear, and it keeps constants.

    Light comes from beyond the picture's borders too. So u (B, C, H + 2 margin, W + 2 margin) is the picture with
    ``margin`` more pixels on every side, and v (B, C, H, W) is what the camera stored: nothing is assumed about what
    lies outside. The picture of u without its margin lies on v.

    size: (H, W) of v. margin: pixels, as far as the longest kernel reaches from its middle.
    """

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of v."""
        ...

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        ...

    def adjoint(self, v: Tensor) -> Tensor:
        """A' v, (B, C, H + 2 margin, W + 2 margin): <A u, v> = <u, A' v>."""
        ...

    def kernels(self, points: Tensor) -> Tensor:
        """(P, n, n), n = 2 margin + 1: how the light that pixel p of v got was spread over u around p.

        points: (P, 2) integer pixels of v, x then y. v(p) = sum_q kernel(q) u(p + q): a correlation.
        """
        ...

    def part(self, rows: slice, columns: slice) -> Blur:
        """The blur of those pixels of v alone, with the same margin: for tiles."""
        ...
