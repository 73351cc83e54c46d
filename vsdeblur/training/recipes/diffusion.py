"""The diffusion prior: photographs under noise of any level, from what rounding leaves to what hides them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DEVIATION, DiffusionNet, padded
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate
from vsdeblur.unet import ALIGNED

CROP = 96
STEPS = 12000
WARM_UP = 200  # steps
LEAST, USUAL, MOST = 0.002, 0.5, 20.0  # deviations of the noise; samplers spend most steps below USUAL
_RATE = 6e-4
_ABOVE = 0.15  # share of the pictures with noise above USUAL
_GREY = 0.1  # share of the pictures without colour: blur is estimated in those
_JUDGED = (0.01, 0.03, 0.1, 0.3, 1.0)


class DiffusionRecipe(FallingRate):
    """``Recipe`` of ``DiffusionNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "diffusion"
    batch = 12
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return DiffusionNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """clean, noisy (B, 3, CROP, CROP), sigma (B,)."""
        return noised(torch.stack([varied(sample["sharp"], rng) for sample in samples]), rng)

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The mean of ``denoising_error``, and that of usual levels."""
        sigma = batch["sigma"]
        error = denoising_error(network(batch["noisy"], sigma), batch["clean"], sigma)
        low = error.detach()[sigma < USUAL]
        total = error.mean()
        return total, {"loss": float(total.detach()), "loss_usual": float(low.mean()) if len(low) else math.nan}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Mean PSNR of held-out pictures by the noise's deviation in parts of a thousand."""
        assert isinstance(network, DiffusionNet)
        network.eval()
        device = next(network.parameters()).device
        totals: dict[str, list[float]] = {}
        for k, sample in enumerate(samples):
            clean = sample["sharp"][None].float() / 255
            generator = torch.Generator().manual_seed(k)
            for sigma in _JUDGED:
                noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
                found = padded(network, noisy.to(device), torch.full((1,), sigma, device=device)).cpu()
                error = float((found - clean).square().mean())
                totals.setdefault(f"psnr_{round(1000 * sigma)}", []).append(-10 * math.log10(max(error, 1e-9)))
        return {key: float(np.mean(values)) for key, values in totals.items()}


def noised(clean: Tensor, rng: np.random.Generator) -> Sample:
    """clean and noisy (B, C, H, W), and the deviations sigma (B,) of its noise."""
    sigma = torch.from_numpy(levels(len(clean), rng))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**62))))
    return {"clean": clean, "noisy": clean + sigma[:, None, None, None] * noise, "sigma": sigma}


def denoising_error(found: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """(B,): mean square error over the square of what F is multiplied by (Karras et al. 2022, eq. 8).

    Args:
        found: (B, C, H, W), D.
        clean: Of that shape.
        sigma: (B,), deviations of the noise.
    """
    scale = (sigma * DEVIATION).square() / (sigma.square() + DEVIATION**2)
    return (found - clean).square().mean((1, 2, 3)) / scale


def levels(count: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Deviations of the noise, (count,): even in logarithm below USUAL and above it, one in each part of the range."""
    place = (rng.permutation(count) + rng.random(count)) / count
    below = LEAST * (USUAL / LEAST) ** (place / (1 - _ABOVE))
    above = USUAL * (MOST / USUAL) ** ((place - 1 + _ABOVE) / _ABOVE)
    return np.where(place < 1 - _ABOVE, below, above).astype(np.float32)


def varied(sharp: Tensor, rng: np.random.Generator) -> Tensor:
    """(3, CROP, CROP) in [0, 1]: a piece under a random symmetry of the square, in another contrast or without colour.

    Args:
        sharp: (3, H, W) uint8.
        rng: Draws.
    """
    size = ALIGNED * (min(CROP, *sharp.shape[-2:]) // ALIGNED)
    y, x = (int(rng.integers(n - size + 1)) for n in sharp.shape[-2:])
    piece = sharp[:, y : y + size, x : x + size].float() / 255
    mirrored = [axis for axis in (-1, -2) if rng.random() < 0.5]
    piece = piece.flip(mirrored)
    if rng.random() < 0.5:
        piece = piece.transpose(-1, -2)
    if rng.random() < _GREY:
        piece = piece.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < 0.3:
        piece = (piece - 0.5) * float(rng.uniform(0.6, 1.0)) + 0.5 + float(rng.uniform(-0.1, 0.1))
    return piece.contiguous()
