"""How far a path is from the true one, in pixels and in what the solver makes of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.motion import displacement
from vsdeblur.flow.warp import inside, sampling_grid, warp
from vsdeblur.training.drawing import PATH_TAUS
from vsdeblur.training.film import SHARP_TAUS


def path_error(path: Tensor, truth: Tensor) -> Tensor:
    """(B, 6, h, w): end-point error of a path against the truth at PATH_TAUS, pixels.

    Args:
        path: (B, 4, 2 h, 2 w), or of any lower resolution.
        truth: (B, 6, 2, h, w).
    """
    size = truth.shape[-2:]
    same = F.avg_pool2d(path, 2) if path.shape[-1] == 2 * size[-1] else F.interpolate(path, size, mode="bilinear")
    found = torch.stack([displacement(same, tau) for tau in PATH_TAUS], 1)
    return (found - truth).square().sum(2).add(1e-6).sqrt()


def known_mean(values: Tensor, known: Tensor) -> Tensor:
    """The mean of values (B, 6, h, w) where they are known."""
    return (values * known).sum() / known.sum().clamp(min=1)


def instant_error(path: Tensor, sharp: Tensor) -> Tensor:
    """Mean Charbonnier distance of K(x - psi(tau)) to the true instants; sharp (B, 5, 3, H, W) at SHARP_TAUS."""
    middle = SHARP_TAUS.index(0.0)
    key = sharp[:, middle].float() / 255
    total = path.new_zeros(())
    for k, tau in enumerate(SHARP_TAUS):
        if k != middle:
            way = -displacement(path, tau)
            difference = warp(key, way, "bilinear") - sharp[:, k].float() / 255
            total = total + ((difference.square() + 1e-5).sqrt() * inside(sampling_grid(way.detach()))).mean()
    return total / (len(SHARP_TAUS) - 1)


def instant_decibels(path: Tensor, sharp: Tensor) -> Tensor:
    """(B,): squared error of K(x - psi(tau)) against the true instants, in dB."""
    middle = SHARP_TAUS.index(0.0)
    key = sharp[:, middle].float() / 255
    total = path.new_zeros(len(path))
    for k, tau in enumerate(SHARP_TAUS):
        if k != middle:
            way = -displacement(path, tau)
            difference = warp(key, way) - sharp[:, k].float() / 255
            total = total + (difference.square() * inside(sampling_grid(way.detach()))).mean((1, 2, 3))
    return 10 * (total / (len(SHARP_TAUS) - 1) + 1e-6).log10()
