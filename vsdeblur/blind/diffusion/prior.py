"""The protocol of diffusion priors, and the project's own network as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet, padded
from vsdeblur.device import network_dtype
from vsdeblur.weights import fill

# Deviation of the network's result from held-out photographs, by that of the noise.
ERRORS = ((0.002, 0.0018), (0.01, 0.0072), (0.03, 0.0155), (0.1, 0.032), (0.3, 0.061), (1.0, 0.11), (20.0, 0.25))


class DiffusionPrior(Protocol):
    """Pictures u of which only x = u + sigma n is known, n white noise of deviation 1: p(u | x) as a Gaussian.

    Its mean is D(x; sigma), its covariance C(sigma) that of a stationary process.
    """

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma), differentiable in x.

        Args:
            x: (B, C, H, W), display values.
            sigma: Deviation of the noise, above 0.

        Returns:
            (B, C, H, W).
        """
        ...

    def root(self, x: Tensor, sigma: float) -> Tensor:
        """C^(1/2) x, of x (B, C, H, W)."""
        ...

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        """C^(-1/2) x, of x (B, C, H, W)."""
        ...

    def largest(self, sigma: float) -> float:
        """An upper bound of the norm of C^(1/2)."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkPrior:
    """A network as a ``DiffusionPrior``, its errors taken as white.

    Attributes:
        network: D, for pictures (B, 3, H, W).
        errors: (sigma, deviation of D's result from the true picture), rising in sigma; between them the logarithms
            are interpolated.
    """

    network: DiffusionNet
    errors: Sequence[tuple[float, float]] = ERRORS

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma), see ``DiffusionPrior``; one picture at a time, which bounds the memory."""
        level = x.new_full((1,), sigma)
        return torch.cat([padded(self.network, one, level) for one in x.split(1)])

    def root(self, x: Tensor, sigma: float) -> Tensor:
        """r x."""
        return self.largest(sigma) * x

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        """x / r."""
        return x / self.largest(sigma)

    def largest(self, sigma: float) -> float:
        """r, the deviation of the posterior."""
        pairs = self.errors
        after = next((k for k, (level, _) in enumerate(pairs) if level >= sigma), len(pairs) - 1)
        (low, below), (high, above) = pairs[max(after - 1, 0)], pairs[max(after, 1)]
        share = min(max(math.log(sigma / low) / math.log(high / low), 0.0), 1.0)
        return min(below * (above / below) ** share, sigma)


def load_diffusion_prior(weights: Path | None = None, device: torch.device | None = None) -> NetworkPrior:
    """The diffusion prior with trained weights.

    Args:
        weights: A file that ``vsdeblur train diffusion`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = DiffusionNet()
    fill(network, "diffusion", weights)
    place = device or torch.device("cpu")
    network.to(place, network_dtype(place)).to(memory_format=torch.channels_last)
    return NetworkPrior(network.eval().requires_grad_(False))
