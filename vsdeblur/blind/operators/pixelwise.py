"""A kernel for every pixel, as a mixture of a few kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.fourier import fast_length, transfer


@dataclass(frozen=True, slots=True, eq=False)
class PixelwiseBlur:
    """A blur with a kernel a pixel, each a mixture of K kernels: a ``Blur``, differentiable in u, basis and weights.

        v = sum_k weights_k * (basis_k correlated with u)

    Correlations go through the FFT of the picture with its margin. The margin is as large as the kernels, so that
    periodic wrapping touches only pixels that are cropped.

    Attributes:
        basis: (B, K, n, n), n odd, each kernel summing to 1; B is that of the pictures, or 1.
        weights: (B, K, H, W), their sum over k 1.

    References:
        Nagy and O'Leary 1998; Carbajal et al. 2023, eq. 3.
    """

    basis: Tensor
    weights: Tensor
    _cache: list[Tensor] = field(default_factory=list, init=False, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of v."""
        return self.weights.shape[-2], self.weights.shape[-1]

    @property
    def margin(self) -> int:
        """Pixels that u is larger by than v, on every side."""
        return self.basis.shape[-1] // 2

    def __call__(self, u: Tensor) -> Tensor:
        """The blurred picture A u, (B, C, H, W), of u (B, C, H + 2 margin, W + 2 margin)."""
        spectrum, spectra = torch.fft.rfft2(u, s=self._grid), self._spectra
        v: Tensor | None = None
        for k in range(self.basis.shape[1]):
            seen = self._inside(torch.fft.irfft2(spectrum * spectra[:, k, None], s=self._grid))
            more = seen * self.weights[:, k, None]
            v = more if v is None else v + more
        assert v is not None
        return v

    def adjoint(self, v: Tensor) -> Tensor:
        """A' v, see ``Blur.adjoint``."""
        m, (height, width), spectra = self.margin, self._grid, self._spectra
        after = (m, width - v.shape[-1] - m, m, height - v.shape[-2] - m)
        total: Tensor | None = None
        for k in range(self.basis.shape[1]):
            spread = torch.fft.rfft2(F.pad(v * self.weights[:, k, None], after))
            more = spread * spectra[:, k, None].conj()
            total = more if total is None else total + more
        assert total is not None
        u: Tensor = torch.fft.irfft2(total, s=self._grid)
        return u[..., : v.shape[-2] + 2 * m, : v.shape[-1] + 2 * m]

    def kernels(self, points: Tensor) -> Tensor:
        """Kernels at pixels of v, of the first picture of the batch; see ``Blur.kernels``."""
        weights = self.weights[0, :, points[:, 1], points[:, 0]]
        return torch.einsum("kp,knm->pnm", weights, self.basis[0])

    def part(self, rows: slice, columns: slice) -> PixelwiseBlur:
        """The blur of a rectangle of v, see ``Blur.part``."""
        return PixelwiseBlur(self.basis, self.weights[..., rows, columns])

    def compressed(self, rank: int) -> PixelwiseBlur:
        """The best approximation with fewer kernels, many times faster.

        Best in the mean square error of the kernels of all pixels. The kernels of all pixels together are weights'
        basis, a matrix of rank K; its singular value decomposition follows from two Gram matrices of K x K. The new
        kernels are orthogonal; a single one is no longer a blur.

        Args:
            rank: Number of kernels to keep, at least 1.

        Returns:
            A blur of ``rank`` kernels; this one where it has no more than that.
        """
        if rank >= self.basis.shape[1]:
            return self
        kernels, shares = self.basis.flatten(2), self.weights.flatten(2)
        into, back = (_root(x @ x.mT) for x in (kernels, shares))
        left, values, right = torch.linalg.svd(back[0] @ into[0])
        basis = (values[:, :rank, None] * right[:, :rank]) @ into[1] @ kernels
        weights = left[..., :rank].mT @ back[1] @ shares
        return PixelwiseBlur(
            basis.view(*basis.shape[:2], *self.basis.shape[2:]), weights.view(*weights.shape[:2], *self.size)
        )

    @property
    def _spectra(self) -> Tensor:
        """Transfer functions of the basis, computed on first use and kept: a blur that is only cut into parts has none.

        Those kept while gradients were disabled have no graph to the basis: they are computed again once it needs
        gradients.
        """
        wanted = torch.is_grad_enabled() and self.basis.requires_grad
        if not self._cache or (wanted and not self._cache[0].requires_grad):
            self._cache[:] = [transfer(self.basis, self._grid)]
        return self._cache[0]

    @property
    def _grid(self) -> tuple[int, int]:
        height, width = self.size
        return fast_length(height + 2 * self.margin), fast_length(width + 2 * self.margin)

    def _inside(self, u: Tensor) -> Tensor:
        m, (height, width) = self.margin, self.size
        return u[..., m : m + height, m : m + width]


def _root(gram: Tensor) -> tuple[Tensor, Tensor]:
    """The symmetric square root of a positive semidefinite matrix, and its pseudo-inverse."""
    # Negligible entries are set to 0: LAPACK returns NaN for some matrices with denormal entries.
    gram = torch.where(gram.abs() < 1e-9 * gram.abs().amax((-2, -1), keepdim=True), 0.0, gram)
    values, vectors = torch.linalg.eigh(gram)
    roots = values.clamp_min(0).sqrt()
    usable = roots > 1e-6 * roots.amax(-1, keepdim=True)
    inverse = torch.where(usable, 1 / roots.clamp_min(1e-30), 0.0)
    return (vectors * roots[..., None, :]) @ vectors.mT, (vectors * inverse[..., None, :]) @ vectors.mT
