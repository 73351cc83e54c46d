"""The proximal network of the unrolled solver: what a key frame is, given what was solved and what it was solved from.

It sees the key frame, what the blurry frame and both neighbouring key frames moved to it differ by, and how far things
move while the shutter is open, how far that is trusted, and what of it the neighbours see. It returns the key frame
with a correction. A small U-Net at half resolution and below (Ronneberger 2015), residual blocks without normalisation
(Lim 2017); about 105,000 multiplications per pixel, 1.5 million weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (48, 96, 128)
ALIGNED = 8  # width and height are padded to multiples of this
_PICTURES = 4
_HINTS = 8
_SMALL = 0.1  # a difference of values that counts as 1
_FAR = 8.0  # pixels of motion within the exposure that count as 1


class ProximalNet(nn.Module):
    """K -> K + correction; see ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.enter = nn.Conv2d(4 * 3 * _PICTURES + _HINTS, half, 3, padding=1)
        self.fine = nn.Sequential(Block(half), Block(half))
        self.down = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = nn.Sequential(Block(quarter), Block(quarter))
        self.deeper = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = nn.Sequential(Block(eighth), Block(eighth))
        self.up = nn.Conv2d(eighth, 4 * quarter, 1)
        self.middle_again = nn.Sequential(Block(quarter), Block(quarter))
        self.upper = nn.Conv2d(quarter, 4 * half, 1)
        self.fine_again = nn.Sequential(Block(half), Block(half))
        self.leave = nn.Conv2d(half, 12, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, pictures: Tensor, path: Tensor, hints: Tensor, shutter: Tensor) -> Tensor:
        """pictures: (B, 4, 3, H, W) display values: key frame, blurry frame, next and previous key frame moved to it.

        path: (B, 4, H, W) pixels. hints: (B, 3, H, W): reliability, seen next, seen before. shutter: (B,). H and W are
        multiples of ALIGNED. Returns the key frames (B, 3, H, W).
        """
        opened = shutter.view(-1, 1, 1, 1)
        blur = torch.cat((path[:, :2] * opened, path[:, 2:] * (opened * opened / 2)), 1) / _FAR
        around = torch.cat((blur, hints, opened.expand_as(hints[:, :1])), 1)
        key = pictures[:, 0]
        others = (pictures[:, 1:] - key[:, None]).div_(_SMALL).flatten(1, 2)
        x = torch.cat((F.pixel_unshuffle(key - 0.5, 2), F.pixel_unshuffle(others, 2), F.avg_pool2d(around, 2)), 1)
        del others, around, blur
        x = self.fine(self.enter(x.contiguous(memory_format=torch.channels_last)))
        y = self.middle(self.down(x))
        z = self.coarse(self.deeper(y))
        y = self.middle_again(y + F.pixel_shuffle(self.up(z), 2))
        x = self.fine_again(x + F.pixel_shuffle(self.upper(y), 2))
        return key + _SMALL * F.pixel_shuffle(self.leave(x), 2)


class Block(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(F.relu(self.first(x), inplace=True))
        return out.add_(x)
