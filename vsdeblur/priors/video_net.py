"""The network of the video denoiser: five noisy frames and a map of the noise in, the middle frame without noise out.

A small U-Net at half the resolution (2 x 2 pixels are channels, as in FFDNet, Zhang et al. 2018), of the kind of
FastDVDnet (Tassano et al. 2020), which finds motion between frames by itself. What differs:

- Everything is measured in units of the noise: the middle frame less its surroundings, the neighbours less the middle
  frame, and what is taken from it. Large values are compressed (asinh), so the same weights serve noise of 1 and of 50
  code values, and no noise means an unchanged frame.
- The two neighbours before and the two after go through the same weights, nearest first, and are added up: the film
  run backwards gives the same picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAMES = 5
ALIGN = 8  # sizes that the network takes are multiples of this
HALO = 96  # pixels that a value of the result looks around itself, at most
_LEAST = 0.5 / 255  # noise below which values are not stretched further
_LIGHT = (-0.5, 1.5)  # values that training shows; beyond them only differences count
_COLOURS = 3
_CELL = 4  # pixels of a position at half resolution
_INPUTS = _COLOURS * _CELL * 3 + _COLOURS + 1


class VideoNet(nn.Module):
    """See the module. width: channels at a half, a quarter and an eighth of the resolution."""

    def __init__(self, width: tuple[int, int, int] = (48, 96, 112)) -> None:
        super().__init__()
        fine, middle, coarse = width
        self.look = nn.Conv2d(_INPUTS, fine, 3, 1, 1)
        self.side = nn.Conv2d(fine, fine, 3, 1, 1)
        self.down1 = nn.Conv2d(fine, middle, 3, 2, 1)
        self.middle = nn.Sequential(_ResidualBlock(middle), _ResidualBlock(middle))
        self.down2 = nn.Conv2d(middle, coarse, 3, 2, 1)
        self.coarse = nn.Sequential(_ResidualBlock(coarse), _ResidualBlock(coarse), _ResidualBlock(coarse))
        self.up2 = nn.Conv2d(coarse, middle * 4, 1)
        self.merge = _ResidualBlock(middle)
        self.up1 = nn.Conv2d(middle, fine * 4, 1)
        self.last = _ResidualBlock(fine)
        self.out = nn.Conv2d(fine, _COLOURS * _CELL, 3, 1, 1)
        _silence(self.out)

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """The middle frames (B, 3, H, W) of frames (B, 5, 3, H, W) with noise of deviation sigma (B, 1, H, W).

        Values are display values, nominally in [0, 1]; larger ones are kept. H and W: multiples of 8.
        """
        x = self._seen(frames, sigma)
        x = F.leaky_relu(self.look(x), 0.1)
        before, after = F.leaky_relu(self.side(x), 0.1).chunk(2)
        x1 = before + after
        x2 = self.middle(F.leaky_relu(self.down1(x1), 0.1))
        x3 = self.coarse(F.leaky_relu(self.down2(x2), 0.1))
        x2 = self.merge(x2 + F.pixel_shuffle(self.up2(x3), 2))
        x1 = self.last(x1 + F.pixel_shuffle(self.up1(x2), 2))
        noise = F.pixel_shuffle(self.out(x1).float(), 2)
        clean: Tensor = frames[:, FRAMES // 2] - sigma * noise
        return clean

    def _seen(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """(2 B, _INPUTS, H / 2, W / 2): what is before each middle frame, then what is after."""
        middle = frames[:, FRAMES // 2]
        scale = 1 / sigma.clamp(min=_LEAST)
        changes = (frames - middle[:, None]).mul_(scale[:, None]).asinh_()
        around = F.avg_pool2d(F.avg_pool2d(middle, 2), 3, 1, 1, count_include_pad=False)
        detail = (middle - F.interpolate(around, scale_factor=2.0)).mul_(scale).asinh_()
        level = F.avg_pool2d(sigma, 2).clamp(min=_LEAST).mul_(255 / 8).log_()
        shared = torch.cat((F.pixel_unshuffle(detail, 2), around.clamp(*_LIGHT) - 0.5, level), 1)
        pairs = changes[:, :2].flip(1), changes[:, 3:]  # the nearer neighbour first
        before, after = (F.pixel_unshuffle(pair.flatten(1, 2), 2) for pair in pairs)
        return torch.cat((torch.cat((shared, before), 1), torch.cat((shared, after), 1)))


class _ResidualBlock(nn.Module):
    """x + conv(leaky(conv(x))), the identity before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        _silence(self.second)

    def forward(self, x: Tensor) -> Tensor:
        more: Tensor = self.second(F.leaky_relu(self.first(x), 0.1))
        return x + more


def _silence(layer: nn.Conv2d) -> None:
    """Say nothing at first: training starts from the identity and stays calm."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
