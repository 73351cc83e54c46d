"""The prior of blur kernels: those of shaken cameras under noise of any level, as ``DiffusionRecipe`` has pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import padded
from vsdeblur.blind.diffusion.kernel_prior import SCALE, kernel_network
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate
from vsdeblur.training.recipes.diffusion import denoising_error, noised
from vsdeblur.unet import ALIGNED

STEPS = 8000
WARM_UP = 200  # steps
_RATE = 1e-3
_JUDGED = (0.03, 0.1, 0.3, 1.0)


class KernelPriorRecipe(FallingRate):
    """``Recipe`` of the network of ``NetworkKernelPrior``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "kernel-prior"
    batch = 2
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return kernel_network().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """clean, noisy (B, 1, n, n), sigma (B,); n a multiple of ALIGNED, B all kernels of the samples together."""
        kernels = torch.cat([sample["kernels"] for sample in samples]).float()
        more = -kernels.shape[-1] % ALIGNED
        turned = torch.stack([_turned(one, rng) for one in kernels])[:, None]
        return noised(SCALE * nn.functional.pad(turned, (0, more) * 2), rng)

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The mean of ``denoising_error``."""
        sigma = batch["sigma"]
        total = denoising_error(network(batch["noisy"], sigma), batch["clean"], sigma).mean()
        return total, {"loss": float(total.detach())}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Deviation of what D leaves over the noise's, by the noise's deviation in parts of a thousand."""
        network.eval()
        device = next(network.parameters()).device
        clean = SCALE * torch.cat([sample["kernels"] for sample in samples]).float()[:, None]
        found = {}
        for sigma in _JUDGED:
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
            level = torch.full((len(clean),), sigma, device=device)
            guess = padded(network, (clean + sigma * noise).to(device), level).cpu()
            error = math.sqrt(float((guess - clean).square().mean()))
            found[f"left_{round(1000 * sigma)}"] = error / sigma
        return found


def _turned(kernel: Tensor, rng: np.random.Generator) -> Tensor:
    """A random symmetry of the square."""
    kernel = kernel.flip([axis for axis in (-1, -2) if rng.random() < 0.5])
    return kernel.mT if rng.random() < 0.5 else kernel
