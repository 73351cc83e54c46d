"""The video denoiser (``prior="video"``): noise of every level taken from photographs that move.

The engine shows a prior frames that are aligned, more or less, and frames in place of others that cannot be seen. So
neighbours are sometimes displaced, less noisy (interpolation takes noise away), another picture altogether, or, wholly
or in part, a copy of the middle frame with the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.priors.tv import TotalVariation
from vsdeblur.priors.video_net import ALIGN, FRAMES, VideoNet
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate

CROP = 80
STEPS = 12000
WARM_UP = 400  # steps
_RATE = 6e-4  # at 1e-3 the loss leaps now and then
_MOST = 55.0 / 255
_LEAST = 0.5 / 255
_EVEN = 0.02  # added to sigma in the weight of an error: a share of the noise, not code values, is what counts
_SLIP = 2  # pixels that a neighbour is displaced by, at most
_MIDDLE = FRAMES // 2
_JUDGED = (2, 5, 10, 20, 30, 40)  # code values of noise


class DenoiserRecipe(FallingRate):
    """``Recipe`` of ``VideoNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "denoiser"
    batch = 12
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return VideoNet()

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """noisy (B, 5, 3, h, w), sigma (B, 1, h, w) and clean (B, 3, h, w)."""
        parts = [noisy_crop(sample["sharp"], rng) for sample in samples]
        batch = {key: torch.stack([part[key] for part in parts]) for key in parts[0]}
        if rng.random() < 0.2:  # one that belongs to another scene
            k, n = int(rng.integers(len(samples))), int(rng.choice([n for n in range(FRAMES) if n != _MIDDLE]))
            batch["noisy"][k, n] = batch["noisy"][k - 1, n].clone()
        return batch

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean distance to the clean frame in units of the noise."""
        found = network(batch["noisy"], batch["sigma"])
        error = ((found - batch["clean"]).square() + 1e-6).sqrt() / (batch["sigma"] + _EVEN)
        total = error.mean()
        with torch.no_grad():
            left = (found - batch["clean"]).square().mean((1, 2, 3))
            given = (batch["noisy"][:, _MIDDLE] - batch["clean"]).square().mean((1, 2, 3))
            taken = -10 * ((left + 1e-7) / (given + 1e-7)).log10().mean()
        return total, {"loss": float(total.detach()), "decibels": float(taken)}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Mean PSNR of the middle frames of held-out scenes by code values of noise, and of total variation."""
        network.eval()
        device = next(network.parameters()).device
        totals: dict[str, list[float]] = {}
        for k, sample in enumerate(samples):
            frames = sample["sharp"].float() / 255
            height, width = (ALIGN * (n // ALIGN) for n in frames.shape[-2:])
            frames = frames[..., :height, :width]
            generator = torch.Generator().manual_seed(k)
            for level in _JUDGED:
                sigma = level / 255
                noisy = frames + sigma * torch.randn(frames.shape, generator=generator)
                even = torch.full((1, 1, height, width), sigma, device=device)
                found = network(noisy[None].to(device), even)[0].cpu()
                smooth = TotalVariation(time=0.5)(noisy, sigma)[_MIDDLE]
                for name, u in ((f"psnr_{level}", found), (f"tv_{level}", smooth)):
                    error = float((u - frames[_MIDDLE]).square().mean())
                    totals.setdefault(name, []).append(-10 * math.log10(max(error, 1e-9)))
        return {key: float(np.mean(values)) for key, values in totals.items()}


def noisy_crop(sharp: Tensor, rng: np.random.Generator) -> Sample:
    """A random piece of sharp (5, 3, H, W) uint8: turned, recoloured, defocused, displaced and made noisy at random."""
    clean = torch.from_numpy(_toned(_turned(_crop(sharp.numpy(), rng), rng), rng))
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    level = _level(rng)
    map_, noise = _noise(clean, level, rng, generator)
    for n in range(FRAMES):
        if n != _MIDDLE and rng.random() < 0.15:
            noise[n] *= float(rng.uniform(0.5, 1.0))
    noisy = clean + noise
    if rng.random() < 0.4:  # as it is stored
        noisy = (noisy * 255).round_().clamp_(0, 255).div_(255)
    for n in range(FRAMES):
        if n != _MIDDLE and rng.random() < 0.12:
            noisy[n] = torch.where(_part(noisy.shape[-1], rng), noisy[_MIDDLE], noisy[n])
    return {"noisy": noisy, "clean": clean[_MIDDLE].clone(), "sigma": map_}


def _crop(sharp: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(5, 3, CROP, CROP), neighbours displaced now and then."""
    size = min(CROP, ALIGN * ((sharp.shape[-1] - 2 * _SLIP) // ALIGN))
    y, x = (int(rng.integers(_SLIP, n - size - _SLIP + 1)) for n in sharp.shape[-2:])
    slips = np.zeros((FRAMES, 2), int)
    if rng.random() < 0.25:
        slips = rng.integers(-_SLIP, _SLIP + 1, (FRAMES, 2))
        slips[_MIDDLE] = 0
    return np.stack([f[:, y + b : y + b + size, x + a : x + a + size] for f, (a, b) in zip(sharp, slips, strict=True)])


def _turned(frames: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A random symmetry of the square, order of the colours and, which the network is blind to by itself, of time."""
    for axis in (-1, -2):
        if rng.random() < 0.5:
            frames = np.flip(frames, axis)
    if rng.random() < 0.5:
        frames = frames.swapaxes(-1, -2)
    return frames[:, rng.permutation(3)] if rng.random() < 0.9 else frames[:, [1, 1, 1]]


def _toned(frames: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Display values: another contrast, some brighter than white, some out of focus."""
    contrast, shift = float(rng.uniform(0.6, 1.1)), float(rng.uniform(-0.1, 0.1))
    toned = ((frames.astype(np.float32) / 255 - 0.5) * contrast + 0.5 + shift).clip(0, 1)
    if rng.random() < 0.1:
        toned *= float(rng.uniform(1.0, 1.5))
    if rng.random() < 0.2:
        width = float(rng.uniform(0.4, 1.5))
        pictures = toned.reshape(-1, *toned.shape[-2:])
        toned = np.stack([cv2.GaussianBlur(p, (0, 0), width) for p in pictures]).reshape(toned.shape)
    return np.ascontiguousarray(toned, np.float32)


def _level(rng: np.random.Generator) -> float:
    """Deviation of the noise: small as often as large, for plug and play mostly meets what rounding leaves."""
    if rng.random() < 0.5:
        return float(np.exp(rng.uniform(np.log(_LEAST), np.log(_MOST))))
    return float(rng.uniform(0, _MOST))


def _noise(clean: Tensor, level: float, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(its deviation in the middle frame (1, h, w), noise (5, 3, h, w)): white; some of it grows with the light."""
    unit = torch.randn(clean.shape, generator=generator)
    if rng.random() < 0.75:
        return torch.full((1, *clean.shape[-2:]), level), unit.mul_(level)
    share = float(rng.uniform(0.2, 1.0))
    deviation = level * (share * 2 * clean.clamp(min=0) + 1 - share).sqrt()
    # What a noisy picture shows of it: the level of the surroundings.
    grey = clean[_MIDDLE].mean(0, keepdim=True)[None]
    around = F.avg_pool2d(grey, 5, 1, 2, count_include_pad=False)[0]
    return level * (share * 2 * around.clamp(min=0) + 1 - share).sqrt(), unit.mul_(deviation)


def _part(size: int, rng: np.random.Generator) -> Tensor:
    """(h, w) bool: the whole, or one side of a random line."""
    if rng.random() < 0.4:
        return torch.ones(size, size, dtype=torch.bool)
    angle, offset = rng.uniform(0, 2 * math.pi), rng.uniform(-0.4, 0.4) * size
    line = torch.arange(size) - size / 2
    return line[:, None] * math.sin(angle) + line[None] * math.cos(angle) > offset
