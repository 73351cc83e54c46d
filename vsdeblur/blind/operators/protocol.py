"""The protocol of blur operators, shared by estimation, deconvolution and drawing."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from vsdeblur.operators import LinearOperator


class Blur(LinearOperator, Protocol):
    """v = A u: the linear map from a sharp picture to its exposure with motion. It keeps constants.

    Light reaches v from outside the picture's borders too. So u (B, C, H + 2 margin, W + 2 margin) is the picture with
    ``margin`` more pixels on every side, and v (B, C, H, W) is what the camera stored: no boundary condition is
    assumed. u without its margin is aligned with v.

    Attributes:
        size: (H, W) of v.
        margin: Pixels from the middle of the longest kernel to its border.
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
        """A' v, with <A u, v> = <u, A' v>.

        Args:
            v: (B, C, H, W).

        Returns:
            (B, C, H + 2 margin, W + 2 margin).
        """
        ...

    def kernels(self, points: Tensor) -> Tensor:
        """The kernels k at pixels p of v:  v(p) = sum_q k(q) u(p + q), a correlation.

        Args:
            points: (P, 2) integer pixels of v, x then y.

        Returns:
            (P, n, n), n = 2 margin + 1: the weights of the pixels of u around p in v(p).
        """
        ...

    def part(self, rows: slice, columns: slice) -> Blur:
        """The blur of a rectangle of v, with the same margin: for tiles.

        Args:
            rows: Of v, step 1.
            columns: Of v, step 1.
        """
        ...


@runtime_checkable
class LayeredBlur(Blur, Protocol):
    """A blur of P planes that hide one another: u is (B * P, C, H + 2 margin, W + 2 margin), the planes in turn."""

    @property
    def count(self) -> int:
        """Number of planes, P."""
        ...

    def compose(self, u: Tensor) -> Tensor:
        """The sharp picture at rest, (B, C, H, W), of u."""
        ...

    def moved(self) -> Tensor:
        """(H, W): the share of the exposure in which planes are seen that moved on their own."""
        ...

    def known(self) -> Tensor:
        """(H, W) bool: whether the sharp picture at rest shows all that is seen of a pixel during the exposure."""
        ...
