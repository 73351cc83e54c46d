"""The network that reads a blur off a picture: K kernels, and their share in every pixel.

After Carbajal et al. 2023 (a shared encoder, K kernels by softmax, weights of every pixel by softmax), small, and with
one thing handed to it that a small network would take long to find: the picture's local autocorrelations. Edges and
textures have a gradient that is white, more or less, so the autocorrelation of a blurry picture's gradient is, more or
less, that of the kernel (Goldstein and Fattal 2012). The kernels are made from these by a network that works in the
plane of the kernel; what it needs of the picture itself (which way a path was gone) comes from the encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNELS = 16
REACH = 18  # pixels from the middle of a kernel to its border
SPAN = 2 * REACH + 1
ALIGN = 16  # sizes that the network takes are multiples of this
WIDTHS = (32, 64, 96, 128)  # channels at 1/2, 1/4, 1/8, 1/16 of the resolution
_PLANE = (40, 64, 80)  # channels in the plane of the kernel, at 1, 1/2, 1/4
_WINDOWS = 3  # windows per side whose autocorrelation is shown, beside that of the whole
_COLOURS = 3


class KernelNet(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, last = WIDTHS
        self.enter = nn.Conv2d(4 * _COLOURS, half, 3, padding=1)
        self.fine = _Block(half)
        self.down1 = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = nn.Sequential(_Block(quarter), _Block(quarter))
        self.down2 = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = nn.Sequential(_Block(eighth), _Block(eighth))
        self.down3 = nn.Conv2d(eighth, last, 2, stride=2)
        self.deep = nn.Sequential(_Block(last), _Block(last))
        self.plane = _Plane(1 + _WINDOWS**2, 2 * last)
        self.calm = nn.LayerNorm(2 * last)
        self.told = nn.Linear(self.plane.summary, last)
        self.up2 = nn.Conv2d(last + 2, eighth, 1)
        self.eighth_again = nn.Sequential(_Block(eighth), _Block(eighth))
        self.up1 = nn.Conv2d(eighth, quarter, 1)
        self.quarter_again = _Block(quarter)
        self.shares = nn.Conv2d(quarter, KERNELS, 3, padding=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """picture: (B, 3, H, W) display values, H and W multiples of ALIGN.

        Returns the logarithms of the kernels (B, K, SPAN, SPAN) and of their shares (B, K, H / 4, W / 4), unnormalised.
        """
        lags = autocorrelations(picture)
        level = picture.mean((1, 2, 3), keepdim=True)
        contrast = (picture - level).square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(0.02)
        x = F.pixel_unshuffle((picture - level) / contrast, 2)
        x = self.fine(self.enter(x.contiguous(memory_format=torch.channels_last)))
        x4 = self.middle(self.down1(x))
        x8 = self.coarse(self.down2(x4))
        x16 = self.deep(self.down3(x8))
        spread = torch.cat((x16.mean((2, 3)), x16.amax((2, 3))), 1)
        kernels, summary = self.plane(lags, self.calm(spread))
        x16 = x16 + self.told(summary)[..., None, None]
        x8 = x8 + _twice(self.up2(torch.cat((x16, _places(x16)), 1)))
        x8 = self.eighth_again(x8)
        x4 = self.quarter_again(x4 + _twice(self.up1(x8)))
        return kernels, self.shares(x4)


class _Block(nn.Module):
    """x + conv(relu(conv(norm(x)))): without the norm (Wu and He 2018) training leaps out of its course."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.relu(self.first(self.norm(x))))
        return out


class _Plane(nn.Module):
    """From autocorrelations (B, n, SPAN, SPAN) and what the picture says (B, m) to kernels: a U-Net over lags."""

    def __init__(self, maps: int, told: int) -> None:
        super().__init__()
        fine, middle, coarse = _PLANE
        self.summary = coarse
        self.enter = nn.Conv2d(maps + 2, fine, 3, padding=1)
        self.listen = nn.ModuleList(nn.Linear(told, width) for width in _PLANE)
        self.fine = _Block(fine)
        self.down1 = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.middle = nn.Sequential(_Block(middle), _Block(middle))
        self.down2 = nn.Conv2d(middle, coarse, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(_Block(coarse), _Block(coarse), _Block(coarse))
        self.mix = nn.Linear(coarse, coarse)
        self.up2 = nn.Conv2d(coarse, middle, 1)
        self.middle_again = nn.Sequential(_Block(middle), _Block(middle))
        self.up1 = nn.Conv2d(middle, fine, 1)
        self.fine_again = nn.Sequential(_Block(fine), _Block(fine))
        self.leave = nn.Conv2d(fine, KERNELS, 3, padding=1)

    def forward(self, lags: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        to_fine, to_middle, to_coarse = (listen(told)[..., None, None] for listen in self.listen)
        x = self.fine(self.enter(torch.cat((lags, _places(lags)), 1)) + to_fine)
        y = self.middle(self.down1(x) + to_middle)
        z = self.coarse(self.down2(y) + to_coarse)
        z = z + self.mix(z.mean((2, 3)))[..., None, None]
        y = self.middle_again(y + F.interpolate(self.up2(z), y.shape[-2:], mode="bilinear"))
        x = self.fine_again(x + F.interpolate(self.up1(y), x.shape[-2:], mode="bilinear"))
        return self.leave(x), z.mean((2, 3))


def autocorrelations(picture: Tensor) -> Tensor:
    """(B, 1 + 9, SPAN, SPAN): of the gradient of picture (B, C, H, W), whole and in 3 x 3 windows of half its size.

    Each is 1 at lag 0, which lies in the middle; what is strong is compressed.
    """
    grey = picture.float().mean(1)
    height, width = grey.shape[-2:]
    pieces = [_lags(grey)]
    tall, wide = height // 2, width // 2
    for i in range(_WINDOWS):
        for j in range(_WINDOWS):
            y, x = (height - tall) * i // (_WINDOWS - 1), (width - wide) * j // (_WINDOWS - 1)
            pieces.append(_lags(grey[:, y : y + tall, x : x + wide]))
    found = torch.stack(pieces, 1)
    return (4 * found).asinh()


def _lags(grey: Tensor) -> Tensor:
    """(B, SPAN, SPAN) of grey (B, h, w)."""
    height, width = grey.shape[-2:]
    fade = torch.hann_window(height, device=grey.device)[:, None] * torch.hann_window(width, device=grey.device)
    gradients = (
        grey[:, 1:, :-1] - grey[:, :-1, :-1],
        grey[:, :-1, 1:] - grey[:, :-1, :-1],
    )
    size = (height + SPAN, width + SPAN)
    power = sum(torch.fft.rfft2(g * fade[:-1, :-1], s=size).abs().square() for g in gradients)
    lags = torch.fft.irfft2(power, s=size)
    lags = lags.roll((REACH, REACH), (-2, -1))[:, :SPAN, :SPAN]
    relative: Tensor = lags / lags[:, REACH, REACH, None, None].clamp_min(1e-9)
    return relative


def _places(x: Tensor) -> Tensor:
    """(B, 2, H, W): where in the picture, -1 to 1."""
    y, z = (torch.linspace(-1, 1, n, device=x.device, dtype=x.dtype) for n in x.shape[-2:])
    return torch.stack(torch.meshgrid(y, z, indexing="ij")).expand(len(x), -1, -1, -1)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
