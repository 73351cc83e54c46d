"""Autoencoder and diffusion prior of its latents, trained together: each picture is coded, and its latents denoised.

The prior's error does not reach the encoder, which would make latents that are easy to denoise and hold nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DEVIATION
from vsdeblur.blind.diffusion.latent.latent_net import LatentNet
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate
from vsdeblur.training.recipes.diffusion import denoising_error, levels, varied

STEPS = 4000
WARM_UP = 100  # steps
_RATE = 1.5e-3
_SMOOTH = 1e-5  # squared error below which the loss of pictures is quadratic
_EVEN = 0.01  # weight of latents whose mean is not 0 or whose deviation is not DEVIATION
_LATENTS = 0.05  # weight of the prior's error


class LatentRecipe(FallingRate):
    """``Recipe`` of ``LatentNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "latent"
    batch = 8
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """Networks with new weights."""
        return LatentNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """clean (B, 3, CROP, CROP); sigma (B,), of the noise in latents; seed (1,)."""
        clean = torch.stack([varied(sample["sharp"], rng) for sample in samples])
        sigma = torch.from_numpy(levels(len(samples), rng))
        return {"clean": clean, "sigma": sigma, "seed": torch.tensor([int(rng.integers(2**62))])}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean error of pictures, of the latents' statistics, and of the prior as in ``DiffusionRecipe``."""
        assert isinstance(network, LatentNet)
        clean, sigma = batch["clean"], batch["sigma"]
        z = network.codec.encode(clean)
        again = network.codec.decode(z)
        pictures = ((again.float() - clean).square() + _SMOOTH).sqrt().mean()
        z = z.float()
        mean, spread = z.mean((0, 2, 3)) / DEVIATION, z.std((0, 2, 3)) / DEVIATION
        uneven = mean.square().mean() + (spread - 1).square().mean()
        fixed = z.detach()
        generator = torch.Generator().manual_seed(int(batch["seed"][0]))
        noise = torch.randn(fixed.shape, generator=generator).to(fixed)
        found = network.denoise(fixed + sigma[:, None, None, None] * noise, sigma)
        prior = denoising_error(found, fixed, sigma).mean()
        total = pictures + _EVEN * uneven + _LATENTS * prior
        scalars = {"loss": total, "pictures": pictures, "uneven": uneven, "prior": prior}
        return total, {key: float(value.detach()) for key, value in scalars.items()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """PSNR of held-out pictures that were coded and decoded; deviation of what D leaves of noise 0.1, over it."""
        assert isinstance(network, LatentNet)
        network.eval()
        device = next(network.parameters()).device
        coded, left = [], []
        for k, sample in enumerate(samples):
            clean = sample["sharp"][None].float().to(device) / 255
            z = network.codec.encode(clean)
            again = network.codec.decode(z)[..., : clean.shape[-2], : clean.shape[-1]]
            coded.append(-10 * float((again - clean).square().mean().log10()))
            noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(k)).to(device)
            found = network.denoise(z + 0.1 * noise, z.new_full((1,), 0.1))
            left.append(float((found - z).square().mean().sqrt()) / 0.1)
        return {"psnr": float(np.mean(coded)), "left_100": float(np.mean(left))}
