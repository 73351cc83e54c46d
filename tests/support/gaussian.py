"""A Gaussian prior, of which every posterior is known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur


@dataclass(frozen=True, eq=False)
class GaussianPrior:
    """Pictures N(mean, S), S stationary on the torus, with its exact denoiser: a ``DiffusionPrior``.

    spectrum: (H, W // 2 + 1), eigenvalues of S by the frequencies of rfft2.
    """

    mean: float
    spectrum: Tensor

    def filtered(self, x: Tensor, factor: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(x) * factor, s=x.shape[-2:])

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.mean + self.filtered(x - self.mean, self.spectrum / (self.spectrum + sigma**2))

    def variances(self, sigma: float) -> Tensor:
        return self.spectrum * sigma**2 / (self.spectrum + sigma**2)

    def root(self, x: Tensor, sigma: float) -> Tensor:
        return self.filtered(x, self.variances(sigma).sqrt())

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        return self.filtered(x, self.variances(sigma).rsqrt())

    def largest(self, sigma: float) -> float:
        return float(self.variances(sigma).max().sqrt())

    def fitted(self, picture: Tensor) -> GaussianPrior:
        return self

    def posterior(self, v: Tensor, blur: Blur, noise: float) -> tuple[Tensor, Tensor]:
        """Mean (n,) and covariance (n, n) of the n pixels of u, given v (1, 1, H, W)."""
        side = (blur.size[0] + 2 * blur.margin, blur.size[1] + 2 * blur.margin)
        count = side[0] * side[1]
        units = torch.eye(count, dtype=v.dtype).view(count, 1, *side)
        forward = blur(units).flatten(1).T
        covariance = self.filtered(units, self.spectrum).flatten(1)
        seen = forward @ covariance @ forward.T + noise**2 * torch.eye(len(forward), dtype=v.dtype)
        gain = torch.linalg.solve(seen, forward @ covariance).T
        middle = torch.full((count,), self.mean, dtype=v.dtype)
        return middle + gain @ (v.flatten() - forward @ middle), covariance - gain @ forward @ covariance
