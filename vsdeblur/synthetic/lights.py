"""A night scene with known truth: lights brighter than white over dark ground, at any instant, in linear light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_FINER = 2
_WARM = (1.0, 0.9, 0.7)


@dataclass(frozen=True, slots=True)
class Light:
    """A disc at (x, y) at instant 0, pixels; brightness: of white. velocity: beyond that of the ground, per period."""

    x: float
    y: float
    radius: float
    brightness: float
    velocity: tuple[float, float] = (0.0, 0.0)


def night(
    times: Sequence[float], lights: Sequence[Light], size: tuple[int, int], velocity: tuple[float, float], seed: int = 0
) -> Tensor:
    """(T, 3, H, W) at instants in periods, values above 1 where lights are. velocity: of ground and lights, pixels."""
    height, width = size
    generator = torch.Generator().manual_seed(seed)
    ground = torch.zeros(1, 3, 3 * height, 3 * width)
    for cell in (3, 6, 12, 24):
        coarse = torch.rand(1, 3, 3 * height // cell, 3 * width // cell, generator=generator)
        ground += cell**0.5 * F.interpolate(coarse, ground.shape[-2:], mode="bicubic")
    ground = 0.25 * (ground - ground.min()) / (ground.max() - ground.min())
    y = ((torch.arange(height * _FINER) + 0.5) / _FINER)[:, None].expand(-1, width * _FINER)
    x = ((torch.arange(width * _FINER) + 0.5) / _FINER)[None].expand(height * _FINER, -1)
    frames = []
    for t in times:
        moved = torch.tensor(velocity) * t
        grid = torch.stack(((x - moved[0]) / (1.5 * width) - 1 / 3, (y - moved[1]) / (1.5 * height) - 1 / 3), -1)
        picture = F.grid_sample(ground, grid[None], align_corners=False)[0]
        for light in lights:
            at = torch.tensor((light.x, light.y)) + moved + torch.tensor(light.velocity) * t
            disc = (light.radius + 0.5 - ((x - at[0]).square() + (y - at[1]).square()).sqrt()).clamp(0, 1)
            picture = torch.lerp(picture, light.brightness * torch.tensor(_WARM)[:, None, None], disc)
        frames.append(F.avg_pool2d(picture[None], _FINER)[0])
    return torch.stack(frames)


def clipped(light: Tensor, fine: int, shutter: float) -> Tensor:
    """The frames (N, 3, H, W) of a sensor that clips at white, 8 bits, from ``fine`` instants a period."""
    exposed = light.reshape(-1, fine, *light.shape[1:])[:, : round(shutter * fine)].mean(1)
    return (exposed.clamp(0, 1) * 255).round() / 255
