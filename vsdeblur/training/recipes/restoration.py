"""The network of unrolled deconvolution, trained through all its stages.

A network that is given the blur does not care how it varies over the picture. So every sample has one kernel, of a
shaken camera, and the data steps are quick. Now and then the kernel that is given is not quite the one that
blurred, as kernels that are found are not: what a wrong kernel leaves has to be found in the picture too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages
from vsdeblur.blind.estimate.kernel_net import REACH, SPAN
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate
from vsdeblur.training.recipes.kernels import turned

STEPS = 4000
WARM_UP = 50  # steps
CROP = 80
_RATE = 4e-4
_EARLIER = 0.3  # weight of what the stages but the last leave
_FLOOR = 2e-4  # squared error below which a picture counts less
_WRONG = 0.15  # share of the samples whose kernel is not quite the one that blurred


class RestorationRecipe(FallingRate):
    """``Recipe`` of ``RestorationNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "restoration"
    batch = 8
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return RestorationNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """v, sharp (B, 3, CROP, CROP); kernels (B, n, n); noise (2,): of either half of the batch.

        Values of the first half are shown as they are, those of the second one are linear light.
        """
        noise = [float(np.exp(rng.uniform(np.log(least), np.log(0.03)))) for least in (1e-3, 5e-4)]
        half = (len(samples) + 1) // 2
        parts = [_blurred(turned(s, rng), rng, noise[k >= half], k >= half) for k, s in enumerate(samples)]
        batch = stacked(parts)
        return batch | {"noise": torch.tensor(noise)}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean error of all stages over the error of the blurry picture, and the last one's gain in dB."""
        assert isinstance(network, RestorationNet)
        half = (len(batch["v"]) + 1) // 2
        errors, gains = [], []
        for linear, part in ((False, slice(0, half)), (True, slice(half, None))):
            v, sharp, kernels = (batch[key][part] for key in ("v", "sharp", "kernels"))
            if not len(v):
                continue
            blur = PixelwiseBlur(kernels[:, None], v.new_ones(len(v), 1, *v.shape[-2:]))
            found = stages(network, v, blur, float(batch["noise"][int(linear)]), 1.0, linear)
            error, gain = restoration_error(found, v, sharp, linear)
            errors.append(error)
            gains.append(gain)
        total, gain = torch.cat(errors).mean(), torch.cat(gains)
        return total, {"loss": float(total.detach()), "gain": float(gain.mean()), "median": float(gain.median())}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Mean and worst gain in dB on pairs of held-out pictures."""
        network.eval()
        device = next(network.parameters()).device
        gains = []
        for k in range(0, len(samples) - 1, 2):
            batch = self.collate(samples[k : k + 2], np.random.default_rng(k))
            gains.append(self.loss(network, {key: x.to(device) for key, x in batch.items()}, 0)[1]["gain"])
        return {"gain": float(np.mean(gains)), "gain_worst": min(gains)}


def restoration_error(found: Sequence[Tensor], v: Tensor, sharp: Tensor, linear: bool) -> tuple[Tensor, Tensor]:
    """(B,): the errors of all stages over that of the blurry picture v, and what the last one gains over v in dB.

    Args:
        found: What the stages made of v, (B, 3, H, W) each.
        v: The blurry picture.
        sharp: The true one.
        linear: Whether values are linear light.
    """
    true, given = (_seen(x, linear).clamp(0, 1) for x in (sharp, v))
    squared = (given - true).square().mean((1, 2, 3))
    errors = torch.stack([((_seen(u, linear) - true).square() + 1e-5).sqrt().mean((1, 2, 3)) for u in found])
    total = errors[-1] + _EARLIER * errors[:-1].sum(0)
    last = (_seen(found[-1].detach(), linear).clamp(0, 1) - true).square().mean((1, 2, 3))
    return total / (squared + _FLOOR).sqrt(), 10 * ((squared + 1e-6) / (last + 1e-6)).log10()


def _seen(x: Tensor, linear: bool) -> Tensor:
    return to_smooth_display(x) if linear else x


def _blurred(sample: dict[str, Any], rng: np.random.Generator, noise: float, linear: bool) -> Sample:
    """A crop, blurred by the kernel of one of the sample's cells: with noise, clipped, stored in 8 bits or not."""
    wide = min(CROP, sample["blurry"].shape[-1]) + 2 * REACH
    y, x = (int(rng.integers(n - wide + 1)) for n in sample["sharp"].shape[-2:])
    exposure = float(np.exp(rng.uniform(-0.7, 0.1))) if rng.random() < 0.5 else 1.0
    u = torch.from_numpy(exposure * sample["sharp"][:, y : y + wide, x : x + wide].astype(np.float32))[None]
    row, column = (int(rng.integers(n)) for n in sample["kernels"].shape[:2])
    kernel = sample["kernels"][row, column].astype(np.float32)
    size = wide - 2 * REACH
    blurry = PixelwiseBlur(torch.from_numpy(kernel / kernel.sum())[None, None], torch.ones(1, 1, size, size))(u)
    v = (blurry + noise * torch.from_numpy(rng.normal(size=blurry.shape)).float()).clamp(0, 1)
    if rng.random() < 0.7:
        v = (_seen(v, linear) * 255).round() / 255
        v = from_smooth_display(v) if linear else v
    if rng.random() < _WRONG:
        kernel = _mistaken(kernel, sample["kernels"], rng)
    sharp = F.pad(u, (-REACH,) * 4)
    return {"v": v[0], "sharp": sharp[0], "kernels": torch.from_numpy(kernel / kernel.sum())}


def _mistaken(kernel: np.ndarray[Any, Any], others: np.ndarray[Any, Any], rng: np.random.Generator) -> Any:
    """The kernel as it may be found: mixed with that of another place, a little beside it, out of focus."""
    row, column = (int(rng.integers(n)) for n in others.shape[:2])
    mixed = kernel + float(rng.uniform(0, 0.5)) * (others[row, column].astype(np.float32) - kernel)
    shift = np.array([[1, 0, rng.normal() * 0.3], [0, 1, rng.normal() * 0.3]])
    moved = cv2.warpAffine(mixed, shift, (SPAN, SPAN), flags=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(0.3, 1.0)))
