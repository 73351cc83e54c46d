"""One kernel for the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.fourier import fast_length, transfer
from vsdeblur.errors import ArgumentError


@dataclass(frozen=True, slots=True, eq=False)
class UniformBlur:
    """A blur with one kernel: a ``Blur``, differentiable in u and kernel.

        v(p) = sum_q k(q) u(p + q)

    Correlations go through the FFT of the picture with its margin, so that periodic wrapping touches only pixels that
    are cropped.

    Attributes:
        kernel: (n, n), n odd, summing to 1.
        size: (H, W) of v.

    Raises:
        ArgumentError: The kernel is not square with an odd side.
    """

    kernel: Tensor
    size: tuple[int, int]
    _transfer: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kernel.ndim != 2 or self.kernel.shape[0] != self.kernel.shape[1] or self.kernel.shape[0] % 2 == 0:
            raise ArgumentError("kernel", tuple(self.kernel.shape), "a tensor (n, n), n odd")
        object.__setattr__(self, "_transfer", transfer(self.kernel, self._torus))

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        return self.kernel.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        """The blurred picture A u, (B, C, H, W), of u (B, C, H + 2 margin, W + 2 margin)."""
        m = self.margin
        seen: Tensor = torch.fft.irfft2(torch.fft.rfft2(u, s=self._torus) * self._transfer, s=self._torus)
        return seen[..., m : m + self.size[0], m : m + self.size[1]]

    def adjoint(self, v: Tensor) -> Tensor:
        """A' v, see ``Blur.adjoint``."""
        m = self.margin
        spread = torch.fft.rfft2(F.pad(v, (m, m, m, m)), s=self._torus) * self._transfer.conj()
        u: Tensor = torch.fft.irfft2(spread, s=self._torus)
        return u[..., : self.size[0] + 2 * m, : self.size[1] + 2 * m]

    def kernels(self, points: Tensor) -> Tensor:
        """The kernel at every point, see ``Blur.kernels``."""
        return self.kernel.expand(len(points), -1, -1)

    def part(self, rows: slice, columns: slice) -> UniformBlur:
        """The blur of a rectangle of v, see ``Blur.part``."""
        height, width = (len(range(n)[s]) for n, s in zip(self.size, (rows, columns), strict=True))
        return UniformBlur(self.kernel, (height, width))

    def around(self, u: Tensor) -> Tensor:
        """C u: the circular correlation, u continued periodically.

        Args:
            u: (B, C, H', W'), H' and W' at least n.

        Returns:
            (B, C, H', W').
        """
        around: Tensor = torch.fft.irfft2(torch.fft.rfft2(u) * self._on(u), s=u.shape[-2:])
        return around

    def solve(self, y: Tensor, z: Tensor, rho: float | Tensor) -> Tensor:
        """argmin_u  ||C u - y||^2 + rho ||u - z||^2 = (C'C + rho)^-1 (C'y + rho z), in closed form, C as in ``around``.

        Args:
            y: (B, C, H', W').
            z: (B, C, H', W').
            rho: A number, or one for each frequency of rfft2, (H', W' // 2 + 1): rho |D(f)|^2 penalises the differences
                of u - z instead.

        Returns:
            u, (B, C, H', W').
        """
        one = self._on(y)
        spectrum = one.conj() * torch.fft.rfft2(y) + rho * torch.fft.rfft2(z)
        u: Tensor = torch.fft.irfft2(spectrum / (one.abs().square() + rho), s=y.shape[-2:])
        return u

    @property
    def _torus(self) -> tuple[int, int]:
        m = self.margin
        return fast_length(self.size[0] + 2 * m), fast_length(self.size[1] + 2 * m)

    def _on(self, u: Tensor) -> Tensor:
        size = (u.shape[-2], u.shape[-1])
        return self._transfer if size == self._torus else transfer(self.kernel, size)
