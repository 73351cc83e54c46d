"""An autoencoder and the diffusion prior of its latents, as one set of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet, padded, white_deviation
from vsdeblur.blind.diffusion.latent.autoencoder import CHANNELS, Autoencoder
from vsdeblur.weights import fill

WIDTHS = (48, 56, 80)
SHARE = 0.8  # deviation of what is uncertain in D over that of the best linear estimate, measured


class LatentNet(nn.Module):
    """Both networks.

    Attributes:
        codec: The autoencoder.
        denoise: D of latents.
    """

    def __init__(self) -> None:
        super().__init__()
        self.codec = Autoencoder()
        self.denoise = DiffusionNet(WIDTHS, colours=CHANNELS, middle=0.0)


@dataclass(frozen=True, slots=True)
class LatentPrior:
    """The network of latents as a ``DiffusionPrior`` of them, with white uncertainty.

        C(sigma) = share^2 d^2 sigma^2 / (d^2 + sigma^2)

    Attributes:
        network: D, for latents (B, CHANNELS, h, w) and deviations (B,).
        share: See the equation; d is the deviation of latents.
    """

    network: nn.Module
    share: float = SHARE

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma), see ``DiffusionPrior``."""
        level = x.new_full((1,), sigma)
        return torch.cat([padded(self.network, one, level) for one in x.split(1)])

    def root(self, x: Tensor, sigma: float) -> Tensor:
        """C^(1/2) x."""
        return self.largest(sigma) * x

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        """C^(-1/2) x."""
        return x / self.largest(sigma)

    def largest(self, sigma: float) -> float:
        """The deviation, alike in all latents."""
        return self.share * white_deviation(sigma)

    def fitted(self, picture: Tensor) -> LatentPrior:
        """The same: the deviation is that of all pictures' latents."""
        return self


def load_latent(weights: Path, device: torch.device | None = None) -> tuple[Autoencoder, LatentPrior]:
    """The autoencoder and the prior with trained weights.

    Args:
        weights: A file that ``vsdeblur train latent`` wrote, or the folder with it.
        device: Of the networks; None for the processor.

    Raises:
        InputError: The file is missing, or holds no such weights.
    """
    network = LatentNet()
    fill(network, "latent", weights)
    network.to(device or torch.device("cpu")).eval().requires_grad_(False)
    return network.codec, LatentPrior(network.denoise)
