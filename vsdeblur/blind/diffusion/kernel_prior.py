"""The prior of blur kernels: a network that knows the kernels of shaken cameras under noise of any level.

    y = SCALE k + sigma n,     D(y; sigma) = E[SCALE k | y]

Kernels are paths: thin, connected, none of their values below 0. What a convex kernel step leaves beside the path, haze
and broken pieces, is noise to it.

References:
    Chung, Kim, Kim and Ye: Parallel diffusion models of operator and image for blind inverse problems, CVPR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet, padded, white_deviation
from vsdeblur.weights import fill

SCALE = 40.0  # kernels of 31 x 31 pixels have values of deviation 0.25 then, as the network expects
WIDTHS = (28, 48, 64)
SHARE = 0.25  # deviation of what is uncertain in D over that of the best linear estimate, measured


class KernelPrior(Protocol):
    """Kernels k of which only SCALE k + sigma n is known: the mean of those they may be, and how uncertain it is."""

    def __call__(self, y: Tensor, sigma: float) -> Tensor:
        """D(y; sigma), of y's shape.

        Args:
            y: (1, 1, n, n), SCALE times a kernel, with noise of deviation sigma.
            sigma: Above 0.
        """
        ...

    def deviation(self, sigma: float) -> float:
        """The deviation of SCALE k around D, alike in every pixel."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkKernelPrior:
    """A network as a ``KernelPrior``.

    Attributes:
        network: D, for (B, 1, H, W) and deviations (B,).
        share: See SHARE.
    """

    network: nn.Module
    share: float = SHARE

    def __call__(self, y: Tensor, sigma: float) -> Tensor:
        """D(y; sigma), see ``KernelPrior``."""
        found: Tensor = padded(self.network, y, y.new_full((1,), sigma))
        return found

    def deviation(self, sigma: float) -> float:
        """That of the best linear estimate of white kernels, by ``share``."""
        return self.share * white_deviation(sigma)


def kernel_network() -> DiffusionNet:
    """The network with new weights: that of pictures, smaller, of one channel whose mean is near 0."""
    return DiffusionNet(WIDTHS, colours=1, middle=0.0)


def load_kernel_prior(weights: Path | None = None) -> NetworkKernelPrior:
    """The prior with trained weights, on the processor as all estimates are.

    Args:
        weights: A file that ``vsdeblur train kernel-prior`` wrote; None for the project's own.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = kernel_network()
    fill(network, "kernel-prior", weights)
    return NetworkKernelPrior(network.eval().requires_grad_(False))
