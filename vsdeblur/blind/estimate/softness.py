"""Directional softness of a picture, and the part of it that a known motion explains; takes milliseconds.

Sharp pictures have about the same contrast in every octave (Field 1987). Motion attenuates the fine octaves along its
direction by a known factor; attenuation in excess of that is another blur.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

DIRECTIONS = 8
# Cycles per pixel. The octave above the fine one is lost to lenses, compression and downscaling.
_COARSE, _FINE = (1 / 32, 1 / 16), (1 / 8, 1 / 4)
_LEAST = 0.02  # least share of contrast that a motion is assumed to leave: smaller ones are not measurable beside noise
_SEEN = 4.0  # times the noise's own: contrast from which on a direction is evaluated
_SAMPLES = 4  # frequencies along an octave


def softness(grey: Tensor, sigma: float, moved: Tensor | None = None) -> float:
    """The least ratio of the contrasts in the fine and the coarse octave, of all directions, compensated for ``moved``.

    Sharp photographs and frames lie at 0.2 and more, pictures that were shaken by 8 px at 0.1 and less.

    Args:
        grey: (H, W), display values.
        sigma: Standard deviation of grey's noise.
        moved: (Q, 2, P), pixels, x and y, by which P points of the picture moved at Q instants of the exposure; None
            for no motion.

    Returns:
        The ratio; infinite where the coarse octave does not exceed the noise in any direction.
    """
    fine, coarse, noise = _contrast(grey.cpu(), sigma)
    seen = coarse > _SEEN * noise
    if not bool(seen.any()):
        return math.inf
    kept = 1.0 if moved is None else (_left(moved, _FINE) / _left(moved, _COARSE)).clamp(min=_LEAST)
    return float((fine / coarse / kept)[seen].min())


def _contrast(grey: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean square gradient in the fine and in the coarse octave without noise's, and noise's in the coarse: (D,)."""
    height, width = grey.shape
    window = torch.hann_window(height + 2)[1:-1, None] * torch.hann_window(width + 2)[1:-1]
    power = torch.fft.rfft2((grey - grey.mean()) * window).abs().square() / window.square().sum()
    y, x = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = torch.hypot(y, x)
    nearest = (torch.atan2(y, x) * (DIRECTIONS / math.pi)).round().long() % DIRECTIONS  # opposite ones are the same

    def mean(values: Tensor, octave: tuple[float, float]) -> Tensor:
        """Over the octave, in each direction and half of those beside it."""
        inside = (frequency >= octave[0]) & (frequency < octave[1])
        many = torch.stack((values[inside], torch.ones_like(values[inside])))
        total = torch.zeros(2, DIRECTIONS).index_add_(1, nearest[inside], many)
        total += (total.roll(1, 1) + total.roll(-1, 1)) / 2
        return total[0] / total[1].clamp(min=1)

    slopes = frequency.square()
    signal = slopes * (power - sigma**2)
    return mean(signal, _FINE), mean(signal, _COARSE), sigma**2 * mean(slopes, _COARSE)


def _left(moved: Tensor, octave: tuple[float, float]) -> Tensor:
    """|transfer function|^2 of the motion in an octave, for each direction, mean over the points: (D,)."""
    low, high = octave
    lengths = low * (high / low) ** ((torch.arange(_SAMPLES) + 0.5) / _SAMPLES)
    left = []
    for k in range(DIRECTIONS):
        angle = math.pi * k / DIRECTIONS
        along = moved[:, 0] * math.cos(angle) + moved[:, 1] * math.sin(angle)
        phase = 2 * math.pi * lengths[:, None, None] * along
        left.append((phase.cos().mean(1).square() + phase.sin().mean(1).square()).mean())
    return torch.stack(left)
