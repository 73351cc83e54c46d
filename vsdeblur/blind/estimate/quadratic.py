"""The data term of the kernel step as one quadratic form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.fourier import fast_length


@dataclass(frozen=True, slots=True, eq=False)
class KernelQuadratic:
    """|| Dv - k Du ||^2 = k'Rk - 2 b'k + |Dv|^2 for kernels k (P, n, n), one for each of P pieces of a picture.

    R is Toeplitz: correlation with the autocorrelation of Du.

    Attributes:
        auto: (P, side, side // 2 + 1), rfft2 of the autocorrelation of Du on a torus large enough for n x n pixels not
            to wrap around.
        cross: b, (P, n, n).
        left: |Dv|^2, (P,).
        side: Of the torus.
    """

    auto: Tensor
    cross: Tensor
    left: Tensor
    side: int

    @classmethod
    def of(cls, u: Tensor, v: Tensor, n: int) -> KernelQuadratic:
        """The form of pairs of pieces.

        Args:
            u: Du, (P, G, H + 2m, W + 2m), m = n // 2, already weighted.
            v: Dv, (P, G, H, W), already weighted.
            n: Side of the kernels, odd.
        """
        m = n // 2
        height, width = u.shape[-2:]
        size = (fast_length(height + n), fast_length(width + n))
        inside, seen = torch.fft.rfft2(u, s=size), torch.fft.rfft2(F.pad(v, (m, m, m, m)), s=size)
        auto = torch.fft.irfft2(inside.abs().square().sum(1), s=size)
        # b(q) = sum_p v(p) u(p + q)
        cross = torch.fft.irfft2((seen.conj() * inside).sum(1), s=size).roll((m, m), (-2, -1))[..., :n, :n]
        side = fast_length(3 * n)
        auto = auto.roll((n - 1, n - 1), (-2, -1))[..., : 2 * n - 1, : 2 * n - 1]
        auto = F.pad(auto, (0, side - 2 * n + 1, 0, side - 2 * n + 1)).roll((1 - n, 1 - n), (-2, -1))
        return cls(torch.fft.rfft2(auto), cross, v.square().sum((1, 2, 3)), side)

    def gram(self, k: Tensor) -> Tensor:
        """R k, (P, n, n), of k (P, n, n)."""
        n = k.shape[-1]
        found = torch.fft.irfft2(torch.fft.rfft2(k, s=(self.side, self.side)) * self.auto, s=(self.side, self.side))
        seen: Tensor = found[..., :n, :n]
        return seen

    def residual(self, k: Tensor) -> Tensor:
        """|| Dv - k Du ||^2 of each piece, (P,), for k (P, n, n)."""
        return self.left + (k * self.gram(k) - 2 * k * self.cross).sum((-2, -1))
