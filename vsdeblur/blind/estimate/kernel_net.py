"""The kernel network: K kernels for a blurry picture, and their weights in every pixel.

After Carbajal et al. 2023 (a shared encoder, K kernels by softmax, weights of every pixel by softmax), small, and with
two quantities computed that a small network would take long to learn:

- From the features it predicts the gradient of the sharp picture, and the kernel between that and the gradient of the
  blurry picture follows in closed form, by a quotient of spectra (Schuler et al. 2016).
- The autocorrelation of a blurry picture's gradient is approximately that of the kernel, since the gradient of edges
  and textures is approximately white (Goldstein and Fattal 2012).

Both, of the whole and of windows of the picture, are maps in the plane of the kernel, where a second network computes
the kernels from them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.operators.fourier import fast_length
from vsdeblur.unet import NormalisedBlock, twice_as_large

KERNELS = 16
REACH = 18  # pixels from the middle of a kernel to its border
SPAN = 2 * REACH + 1
ALIGN = 16  # sizes that the network takes are multiples of this
WIDTHS = (32, 64, 96, 128)  # channels at 1/2, 1/4, 1/8, 1/16 of the resolution
_PLANE = (40, 64, 80)  # channels in the plane of the kernel, at 1, 1/2, 1/4
_WINDOWS = 3  # windows per side whose autocorrelation is an input, beside that of the whole
_COLOURS = 3
_RIDGE = 0.3  # of the mean power of a spectrum


class KernelNet(nn.Module):
    """Kernels and their weights from a picture; see ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, last = WIDTHS
        self.enter = nn.Conv2d(4 * _COLOURS, half, 3, padding=1)
        self.fine = NormalisedBlock(half)
        self.down1 = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = nn.Sequential(NormalisedBlock(quarter), NormalisedBlock(quarter))
        self.down2 = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = nn.Sequential(NormalisedBlock(eighth), NormalisedBlock(eighth))
        self.down3 = nn.Conv2d(eighth, last, 2, stride=2)
        self.deep = nn.Sequential(NormalisedBlock(last), NormalisedBlock(last))
        self.plane = _Plane(2 * (1 + _WINDOWS**2), 2 * last)
        self.calm = nn.LayerNorm(2 * last)
        self.told = nn.Linear(self.plane.summary, quarter)
        self.up2 = nn.Conv2d(last + 2, eighth, 1)
        self.eighth_again = nn.Sequential(NormalisedBlock(eighth), NormalisedBlock(eighth))
        self.up1 = nn.Conv2d(eighth, quarter, 1)
        self.quarter_again = NormalisedBlock(quarter)
        self.shares = nn.Conv2d(quarter, KERNELS, 3, padding=1)
        self.up0 = nn.Conv2d(quarter, half, 1)
        self.half_again = nn.Sequential(NormalisedBlock(half), NormalisedBlock(half))
        self.edges = nn.Conv2d(half, 4 * 2, 3, padding=1)
        nn.init.zeros_(self.edges.weight)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kernels, their weights and the gradient of the sharp picture.

        Args:
            picture: (B, 3, H, W), display values, H and W multiples of ALIGN.

        Returns:
            Logarithms of the kernels (B, K, SPAN, SPAN) and of their weights (B, K, H / 4, W / 4), unnormalised, and
            the predicted gradient of the sharp picture (B, 2, H, W), over ``contrast(picture)``.
        """
        level = picture.mean((1, 2, 3), keepdim=True)
        unit = contrast(picture)
        x = F.pixel_unshuffle((picture - level) / unit, 2)
        x2 = self.fine(self.enter(x.contiguous(memory_format=torch.channels_last)))
        x4 = self.middle(self.down1(x2))
        x8 = self.coarse(self.down2(x4))
        x16 = self.deep(self.down3(x8))
        x8 = self.eighth_again(x8 + twice_as_large(self.up2(torch.cat((x16, _places(x16)), 1))))
        x4 = self.quarter_again(x4 + twice_as_large(self.up1(x8)))
        x2 = self.half_again(x2 + twice_as_large(self.up0(x4)))
        blurry = gradient(picture.float()) / unit
        edges = blurry + F.pixel_shuffle(self.edges(x2), 2).float()
        with torch.autocast(picture.device.type, enabled=False):
            maps = torch.cat((autocorrelations(blurry), quotients(edges, blurry)), 1)
        spread = torch.cat((x16.mean((2, 3)), x16.amax((2, 3))), 1)
        kernels, summary = self.plane(maps, self.calm(spread))
        shares = self.shares(x4 + self.told(summary)[..., None, None])
        return kernels, shares, edges


class _Plane(nn.Module):
    """A U-Net over lags: from maps (B, n, SPAN, SPAN) and features of the picture (B, m) to kernels."""

    def __init__(self, maps: int, context: int) -> None:
        super().__init__()
        fine, middle, coarse = _PLANE
        self.summary = coarse
        self.enter = nn.Conv2d(maps + 2, fine, 3, padding=1)
        self.listen = nn.ModuleList(nn.Linear(context, width) for width in _PLANE)
        self.fine = NormalisedBlock(fine)
        self.down1 = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.middle = nn.Sequential(NormalisedBlock(middle), NormalisedBlock(middle))
        self.down2 = nn.Conv2d(middle, coarse, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(NormalisedBlock(coarse), NormalisedBlock(coarse), NormalisedBlock(coarse))
        self.mix = nn.Linear(coarse, coarse)
        self.up2 = nn.Conv2d(coarse, middle, 1)
        self.middle_again = nn.Sequential(NormalisedBlock(middle), NormalisedBlock(middle))
        self.up1 = nn.Conv2d(middle, fine, 1)
        self.fine_again = nn.Sequential(NormalisedBlock(fine), NormalisedBlock(fine))
        self.leave = nn.Conv2d(fine, KERNELS, 3, padding=1)

    def forward(self, lags: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        to_fine, to_middle, to_coarse = (listen(context)[..., None, None] for listen in self.listen)
        x = self.fine(self.enter(torch.cat((lags, _places(lags)), 1)) + to_fine)
        y = self.middle(self.down1(x) + to_middle)
        z = self.coarse(self.down2(y) + to_coarse)
        z = z + self.mix(z.mean((2, 3)))[..., None, None]
        y = self.middle_again(y + F.interpolate(self.up2(z), y.shape[-2:], mode="bilinear"))
        x = self.fine_again(x + F.interpolate(self.up1(y), x.shape[-2:], mode="bilinear"))
        return self.leave(x), z.mean((2, 3))


def contrast(picture: Tensor) -> Tensor:
    """The standard deviation of a picture, at least 0.02.

    Args:
        picture: (B, C, H, W).

    Returns:
        (B, 1, 1, 1).
    """
    level = picture.mean((1, 2, 3), keepdim=True)
    return (picture - level).square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(0.02)


def gradient(picture: Tensor) -> Tensor:
    """Differences along x and y of the mean over the channels, 0 at the far edges.

    Args:
        picture: (B, C, H, W).

    Returns:
        (B, 2, H, W).
    """
    grey = picture.mean(1, keepdim=True)
    across = F.pad(grey[..., :, 1:] - grey[..., :, :-1], (0, 1, 0, 0))
    down = F.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
    return torch.cat((across, down), 1)


def autocorrelations(gradients: Tensor) -> Tensor:
    """Autocorrelations of gradients, whole and in 3 x 3 windows of half the size.

    Each is 1 at lag 0, which lies in the middle, before large values are compressed.

    Args:
        gradients: (B, 2, H, W).

    Returns:
        (B, 1 + 9, SPAN, SPAN).
    """
    found = []
    for window in _windows(gradients):
        power = _spectrum(window).abs().square().sum(1)
        lags = _around_lag_0(power, window)
        found.append(lags / lags[:, REACH, REACH, None, None].clamp_min(1e-9))
    return (4 * torch.stack(found, 1)).asinh()


def quotients(sharp: Tensor, blurry: Tensor) -> Tensor:
    """The kernels k with k * sharp = blurry, in the windows of ``autocorrelations``, compressed.

    K = sum conj(V) U / (sum |U|^2 + ridge), the sums over both directions of the gradient.

    Args:
        sharp: (B, 2, H, W), gradients.
        blurry: (B, 2, H, W), gradients.

    Returns:
        (B, 1 + 9, SPAN, SPAN).
    """
    found = []
    for u, v in zip(_windows(sharp), _windows(blurry), strict=True):
        inside, seen = _spectrum(u), _spectrum(v)
        power = inside.abs().square().sum(1)
        ridge = _RIDGE * power.mean((-2, -1), keepdim=True) + 1e-6
        found.append(_around_lag_0((seen.conj() * inside).sum(1) / (power + ridge), u))
    return (10 * torch.stack(found, 1)).asinh()


def _windows(gradients: Tensor) -> list[Tensor]:
    """The whole of (B, 2, H, W), and 3 x 3 windows of half its size, each times a Hann window."""
    height, width = gradients.shape[-2:]
    tall, wide = height // 2, width // 2
    pieces = [gradients]
    for i in range(_WINDOWS):
        for j in range(_WINDOWS):
            y, x = (height - tall) * i // (_WINDOWS - 1), (width - wide) * j // (_WINDOWS - 1)
            pieces.append(gradients[..., y : y + tall, x : x + wide])
    return [_faded(piece) for piece in pieces]


def _faded(piece: Tensor) -> Tensor:
    height, width = piece.shape[-2:]
    down, across = (torch.hann_window(n, periodic=False, device=piece.device) for n in (height, width))
    return piece * down[:, None] * across


def _room(piece: Tensor) -> tuple[int, int]:
    """The size of a torus on which lags up to REACH do not wrap around."""
    return fast_length(piece.shape[-2] + SPAN), fast_length(piece.shape[-1] + SPAN)


def _spectrum(piece: Tensor) -> Tensor:
    spectrum: Tensor = torch.fft.rfft2(piece, s=_room(piece))
    return spectrum


def _around_lag_0(spectrum: Tensor, piece: Tensor) -> Tensor:
    lags: Tensor = torch.fft.irfft2(spectrum, s=_room(piece))
    return lags.roll((REACH, REACH), (-2, -1))[..., :SPAN, :SPAN]


def _places(x: Tensor) -> Tensor:
    """(B, 2, H, W): position in the picture, y and x, -1 to 1."""
    y, z = (torch.linspace(-1, 1, n, device=x.device, dtype=x.dtype) for n in x.shape[-2:])
    return torch.stack(torch.meshgrid(y, z, indexing="ij")).expand(len(x), -1, -1, -1)
