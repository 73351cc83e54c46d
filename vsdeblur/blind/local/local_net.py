"""The network that finds what moved: its matte, and the direction and length of a part's motion."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.local.lags import DIRECTIONS, KINDS, LAGS
from vsdeblur.unet import NormalisedBlock, twice_as_large

LENGTHS = torch.arange(4.0, 38.0, 2.0)  # pixels, of the motions that are distinguished
MATTES = 2  # where the thing is in the middle of the exposure, and the mean over it
_WIDTHS = (16, 32, 64, 80)  # channels at 1/2, 1/4, 1/8, 1/16 of the resolution
_READ = 32  # channels of a direction at a place
_FINE = 4  # directions of the gradient that the matte is made from
_FAINT = 1e-3  # added to gradients


class LocalNet(nn.Module):
    """From a picture and its ``lag_maps`` to what moved in it; see ``forward`` and ``motion``.

    The maps of a place are read alike for every direction, turned into one another; neighbouring places agree in the
    layers behind. A U-Net makes the mattes from these, from the picture and from how steep it is in four directions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read1 = nn.Conv2d(KINDS, 16, (3, 5), stride=(1, 2), padding=(0, 2))
        self.read2 = nn.Conv2d(16, 24, (3, 5), stride=(1, 2), padding=(0, 2))
        self.read3 = nn.Conv2d(24, 24, (3, 3), padding=(0, 1))
        left = (LAGS + 3) // 4  # lags that two strides of two leave
        self.join = nn.Conv2d(24 * left, _READ, (3, 1))
        self.agree1 = nn.Conv3d(_READ, _READ, 3, padding=(0, 1, 1))
        self.agree2 = nn.Conv3d(_READ, _READ, 3, padding=(0, 1, 1))
        self.part = _PartReader()
        half, quarter, eighth, last = _WIDTHS
        self.few = nn.Conv3d(_READ, 4, 1)
        self.places = nn.Conv2d(2 * _READ + 4 * DIRECTIONS, last, 1)
        self.enter = nn.Conv2d(4 * 3 + _FINE, half, 3, padding=1)
        self.fine = NormalisedBlock(half)
        self.down1 = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = nn.Sequential(NormalisedBlock(quarter), NormalisedBlock(quarter))
        self.down2 = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = nn.Sequential(NormalisedBlock(eighth), NormalisedBlock(eighth))
        self.down3 = nn.Conv2d(eighth, last, 2, stride=2)
        self.deep = nn.Sequential(NormalisedBlock(last), NormalisedBlock(last))
        self.up2 = nn.Conv2d(last, eighth, 1)
        self.coarse_again = nn.Sequential(NormalisedBlock(eighth), NormalisedBlock(eighth))
        self.up1 = nn.Conv2d(eighth, quarter, 1)
        self.middle_again = nn.Sequential(NormalisedBlock(quarter), NormalisedBlock(quarter))
        self.up0 = nn.Conv2d(quarter, half, 1)
        self.fine_again = NormalisedBlock(half)
        self.leave = nn.Conv2d(half, 4 * MATTES, 3, padding=1)

    def forward(self, picture: Tensor, lags: Tensor) -> Tensor:
        """The mattes of what moved.

        Args:
            picture: (B, 3, H, W), display values, H and W multiples of CELL.
            lags: (B, H / CELL, W / CELL, KINDS, DIRECTIONS, LAGS), its ``lag_maps``.

        Returns:
            Logits (B, MATTES, H, W) of the matte in the middle of the exposure and of its mean over the exposure.
        """
        x16 = self.places(self._read(lags))
        x2 = self.fine(self.enter(_pixels(picture).contiguous(memory_format=torch.channels_last)))
        x4 = self.middle(self.down1(x2))
        x8 = self.coarse(self.down2(x4))
        x16 = self.deep(x16 + self.down3(x8))
        x8 = self.coarse_again(x8 + twice_as_large(self.up2(x16)))
        x4 = self.middle_again(x4 + twice_as_large(self.up1(x8)))
        x2 = self.fine_again(x2 + twice_as_large(self.up0(x4)))
        return F.pixel_shuffle(self.leave(x2), 2).float()

    def motion(self, lags: Tensor) -> Tensor:
        """The motion of parts, (B, DIRECTIONS, lengths): logarithms of how likely each is, unnormalised.

        Args:
            lags: (B, 2 KINDS, DIRECTIONS, LAGS), their ``part_lags``.
        """
        found: Tensor = self.part(lags)
        return found.float()

    def _read(self, lags: Tensor) -> Tensor:
        """(B, channels, rows, columns) of the maps of all places."""
        batch, rows, columns = lags.shape[:3]
        x = _compressed(lags.flatten(0, 2))
        for layer in (self.read1, self.read2, self.read3):
            x = F.relu(layer(_turned(x, 2)))
        x = _joined(self.join, x).view(batch, rows, columns, _READ, DIRECTIONS).permute(0, 3, 4, 1, 2)
        for agree in (self.agree1, self.agree2):
            x = x + F.relu(agree(_turned(x, 2)))
        return torch.cat((x.mean(2), x.amax(2), self.few(x).flatten(1, 2)), 1)


class _PartReader(nn.Module):
    """The maps of a part to its motion: finer than what places are read by, as it is used once a part."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * KINDS, width, (3, 5), padding=(0, 2))
        self.second = nn.Conv2d(width, width, (3, 5), padding=(0, 2))
        self.third = nn.Conv2d(width, width, (3, 5), padding=(0, 2))
        self.join = nn.Conv2d(width * LAGS, 2 * width, (3, 1))
        self.vote = nn.Conv1d(2 * width, len(LENGTHS), 1)

    def forward(self, lags: Tensor) -> Tensor:
        x = _compressed(lags)
        for layer in (self.first, self.second, self.third):
            x = F.relu(layer(_turned(x, 2)))
        votes: Tensor = self.vote(_joined(self.join, x)).transpose(1, 2)
        return votes


def _pixels(picture: Tensor) -> Tensor:
    """(B, 12 + _FINE, H / 2, W / 2): the pixels, and the logarithm of how steep the picture is in each direction."""
    level, unit = picture.mean((1, 2, 3), keepdim=True), picture.std((1, 2, 3), keepdim=True).clamp_min(0.02)
    grey = picture.mean(1, keepdim=True)
    x, y = F.pad(grey.diff(dim=-1), (0, 1, 0, 0)), F.pad(grey.diff(dim=-2), (0, 0, 0, 1))
    steep = []
    for k in range(_FINE):
        angle = math.pi * k / _FINE
        along = (math.cos(angle) * x + math.sin(angle) * y).square()
        steep.append((F.avg_pool2d(along, 2) + _FAINT**2).log() / 4 + 2)
    return torch.cat((F.pixel_unshuffle((picture - level) / unit, 2), *steep), 1)


def _joined(layer: nn.Module, x: Tensor) -> Tensor:
    """(N, channels, DIRECTIONS) of (N, channels, DIRECTIONS, lags): all lags of a direction and its neighbours."""
    lags = x.permute(0, 1, 3, 2).flatten(1, 2)[..., None]
    return F.relu(layer(_turned(lags, 2)))[..., 0]


def _compressed(lags: Tensor) -> Tensor:
    return (4 * lags).asinh()


def _turned(x: Tensor, axis: int) -> Tensor:
    """x with one more direction at either end of the axis: the first one follows the last."""
    return torch.cat((x.narrow(axis, DIRECTIONS - 1, 1), x, x.narrow(axis, 0, 1)), axis)
