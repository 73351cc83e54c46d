"""A kernel for every pixel, as a mixture of a few kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class PixelwiseBlur:
    """v = sum_k weights_k * (kernels_k correlated with u)  (Nagy and O'Leary 1998; Carbajal et al. 2023, eq. 3).

    basis: (B, K, n, n), n odd, each kernel summing to 1; B is that of the pictures, or 1. weights: (B, K, H, W), their
    sum over k 1. A ``Blur``; differentiable in u, basis and weights. Correlations go through the FFT of the picture
    with its margin, which is as large as they need: only pixels that are cut off feel its wrapping round.
    """

    basis: Tensor
    weights: Tensor
    _spectra: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        height, width = (s + 2 * self.margin for s in self.size)
        n = self.basis.shape[-1]
        placed = F.pad(self.basis, (0, width - n, 0, height - n))
        placed = placed.roll((-self.margin, -self.margin), (-2, -1))
        object.__setattr__(self, "_spectra", torch.fft.rfft2(placed).conj())

    @property
    def size(self) -> tuple[int, int]:
        return self.weights.shape[-2], self.weights.shape[-1]

    @property
    def margin(self) -> int:
        return self.basis.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(u)
        v: Tensor | None = None
        for k in range(self.basis.shape[1]):
            seen = self._inside(torch.fft.irfft2(spectrum * self._spectra[:, k, None], s=u.shape[-2:]))
            more = seen * self.weights[:, k, None]
            v = more if v is None else v + more
        assert v is not None
        return v

    def adjoint(self, v: Tensor) -> Tensor:
        """See ``Blur``."""
        m = self.margin
        shape = (v.shape[-2] + 2 * m, v.shape[-1] + 2 * m)
        total: Tensor | None = None
        for k in range(self.basis.shape[1]):
            spread = torch.fft.rfft2(F.pad(v * self.weights[:, k, None], (m, m, m, m)))
            more = spread * self._spectra[:, k, None].conj()
            total = more if total is None else total + more
        assert total is not None
        u: Tensor = torch.fft.irfft2(total, s=shape)
        return u

    def kernels(self, points: Tensor) -> Tensor:
        """See ``Blur``; of the first of the batch."""
        weights = self.weights[0, :, points[:, 1], points[:, 0]]
        return torch.einsum("kp,knm->pnm", weights, self.basis[0])

    def part(self, rows: slice, columns: slice) -> PixelwiseBlur:
        """See ``Blur``."""
        return PixelwiseBlur(self.basis, self.weights[..., rows, columns])

    def _inside(self, u: Tensor) -> Tensor:
        m = self.margin
        return u[..., m : u.shape[-2] - m, m : u.shape[-1] - m]
