"""The body that the project's picture networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ALIGNED = 8  # width and height that a network takes are multiples of this


class UNet(nn.Module):
    """A U-Net of three scales, at half resolution and below, of residual blocks without normalisation.

    The last layer's weights start at 0, so that an untrained network returns 0.

    References:
        Ronneberger, Fischer, Brox: U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015.
        Lim et al.: Enhanced deep residual networks for single image super-resolution, CVPR workshops 2017.
    """

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, int, int]) -> None:
        """A network with random weights.

        Args:
            inputs: Channels that it takes at half resolution (2 x 2 pixels of a picture are four channels).
            outputs: Channels that it returns at half resolution.
            widths: Channels at a half, a quarter and an eighth of the resolution.
        """
        super().__init__()
        half, quarter, eighth = widths
        self.enter = nn.Conv2d(inputs, half, 3, padding=1)
        self.fine = nn.Sequential(Block(half), Block(half))
        self.down = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = nn.Sequential(Block(quarter), Block(quarter))
        self.deeper = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = nn.Sequential(Block(eighth), Block(eighth))
        self.up = nn.Conv2d(eighth, 4 * quarter, 1)
        self.middle_again = nn.Sequential(Block(quarter), Block(quarter))
        self.upper = nn.Conv2d(quarter, 4 * half, 1)
        self.fine_again = nn.Sequential(Block(half), Block(half))
        self.leave = nn.Conv2d(half, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def body(self, x: Tensor) -> Tensor:
        """All layers, computed in the precision of the weights.

        Args:
            x: (B, inputs, h, w) at half resolution, h and w multiples of ALIGNED / 2.

        Returns:
            (B, outputs, h, w) in the precision of x.
        """
        given, x = x.dtype, x.to(self.enter.weight.dtype)
        x = self.fine(self.enter(x.contiguous(memory_format=torch.channels_last)))
        y = self.middle(self.down(x))
        z = self.coarse(self.deeper(y))
        y = self.middle_again(y + F.pixel_shuffle(self.up(z), 2))
        x = self.fine_again(x + F.pixel_shuffle(self.upper(y), 2))
        out: Tensor = self.leave(x)
        return out.to(given)


class Block(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The block of x (N, C, H, W)."""
        out: Tensor = self.second(F.relu(self.first(x), inplace=True))
        return out.add_(x)


class NormalisedBlock(nn.Module):
    """x + conv(relu(conv(norm(x)))), with a group norm (Wu and He 2018) where training diverges without.

    References:
        Wu and He: Group normalization, ECCV 2018.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The block of x (N, C, H, W)."""
        out: Tensor = x + self.second(F.relu(self.first(self.norm(x))))
        return out


def twice_as_large(x: Tensor) -> Tensor:
    """x (N, C, H, W) at twice the resolution, linearly."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
