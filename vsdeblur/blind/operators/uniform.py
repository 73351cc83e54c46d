"""One kernel for the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import ArgumentError


@dataclass(frozen=True, slots=True, eq=False)
class UniformBlur:
    """v = k correlated with u:  v(p) = sum_q k(q) u(p + q).

    kernel: (n, n), n odd, summing to 1. size: (H, W) of v. A ``Blur``; differentiable in u and kernel. Correlations go
    through the FFT of the picture with its margin: only pixels that are cut off feel its wrapping round.
    Raises ArgumentError for a kernel that is not square with an odd side.
    """

    kernel: Tensor
    size: tuple[int, int]
    _transfer: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kernel.ndim != 2 or self.kernel.shape[0] != self.kernel.shape[1] or self.kernel.shape[0] % 2 == 0:
            raise ArgumentError("kernel", tuple(self.kernel.shape), "a tensor (n, n), n odd")
        m = self.margin
        object.__setattr__(self, "_transfer", transfer(self.kernel, (self.size[0] + 2 * m, self.size[1] + 2 * m)))

    @property
    def margin(self) -> int:
        return self.kernel.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        m = self.margin
        seen = self.around(u)
        return seen[..., m : m + self.size[0], m : m + self.size[1]]

    def adjoint(self, v: Tensor) -> Tensor:
        """See ``Blur``."""
        m = self.margin
        spectrum = torch.fft.rfft2(F.pad(v, (m, m, m, m))) * self._transfer.conj()
        u: Tensor = torch.fft.irfft2(spectrum, s=(self.size[0] + 2 * m, self.size[1] + 2 * m))
        return u

    def kernels(self, points: Tensor) -> Tensor:
        """See ``Blur``."""
        return self.kernel.expand(len(points), -1, -1)

    def part(self, rows: slice, columns: slice) -> UniformBlur:
        """See ``Blur``."""
        height, width = (len(range(n)[s]) for n, s in zip(self.size, (rows, columns), strict=True))
        return UniformBlur(self.kernel, (height, width))

    def around(self, u: Tensor) -> Tensor:
        """C u: every pixel of u (B, C, H + 2 margin, W + 2 margin) blurred, as if it went on periodically."""
        around: Tensor = torch.fft.irfft2(torch.fft.rfft2(u) * self._transfer, s=u.shape[-2:])
        return around

    def solve(self, y: Tensor, z: Tensor, rho: float | Tensor) -> Tensor:
        """argmin_u  ||C u - y||^2 + rho ||u - z||^2 = (C'C + rho)^-1 (C'y + rho z), in closed form.

        y, z: (B, C, H + 2 margin, W + 2 margin), C u as ``around``. rho: a number, or one for each frequency of rfft2,
        (H + 2 margin, (W + 2 margin) // 2 + 1): rho |D(f)|^2 penalises the differences of u - z instead.
        """
        spectrum = self._transfer.conj() * torch.fft.rfft2(y) + rho * torch.fft.rfft2(z)
        u: Tensor = torch.fft.irfft2(spectrum / (self._transfer.abs().square() + rho), s=y.shape[-2:])
        return u


def transfer(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W // 2 + 1): what correlation with kernel (..., n, n) multiplies the rfft2 of a picture of size by."""
    n = kernel.shape[-1]
    placed = F.pad(kernel, (0, size[1] - n, 0, size[0] - n)).roll((-(n // 2), -(n // 2)), (-2, -1))
    spectrum: Tensor = torch.fft.rfft2(placed).conj()
    return spectrum
