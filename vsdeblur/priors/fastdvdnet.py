"""``prior="fastdvdnet:PATH"``: FastDVDnet (Tassano, Delon and Veit, CVPR 2020) with its authors' checkpoint.

Two stages of the same kind of U-Net: three triples of neighbouring frames, each to its middle frame, then those three
to the one meant. Modules are named so that the state dict that its authors published fits. No weights come with
vsdeblur.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vsdeblur.external import with_weights
from vsdeblur.named import Named
from vsdeblur.priors.video import FrameWindowDenoiser

_WIDTH = (32, 64, 128)
_SEPARATE = 30  # channels of each frame by itself in the first layer


class FastDvdNet(nn.Module):
    """(B, 3, H, W) of frames (B, 5, 3, H, W) and sigma (B, 1, H, W); H and W multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.temp1 = _DenBlock()
        self.temp2 = _DenBlock()

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """The denoised middle frame of ``frames``, with their noise level ``sigma``."""
        first = [self.temp1(frames[:, k : k + 3], sigma) for k in range(3)]
        found: Tensor = self.temp2(torch.stack(first, 1), sigma)
        return found


class _DenBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _WIDTH
        self.inc = _InputBlock(fine)
        self.downc0 = _DownBlock(fine, middle)
        self.downc1 = _DownBlock(middle, coarse)
        self.upc2 = _UpBlock(coarse, middle)
        self.upc1 = _UpBlock(middle, fine)
        self.outc = _OutputBlock(fine)

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """The middle one of frames (B, 3, 3, H, W), less the noise found in it."""
        given = torch.cat((frames, sigma[:, None].expand(-1, 3, -1, -1, -1)), 2).flatten(1, 2)
        x0 = self.inc(given)
        x1 = self.downc0(x0)
        x2 = self.upc2(self.downc1(x1))
        clean: Tensor = frames[:, 1] - self.outc(x0 + self.upc1(x1 + x2))
        return clean


class _Layers(nn.Module):
    """Its parts one after the other, under ``convblock``, the published name."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.convblock = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convblock(x)
        return y


class _CvBlock(_Layers):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(*_step(given, wanted), *_step(wanted, wanted))


class _InputBlock(_Layers):
    def __init__(self, wanted: int) -> None:
        super().__init__(*_step(3 * 4, 3 * _SEPARATE, groups=3), *_step(3 * _SEPARATE, wanted))


class _DownBlock(_Layers):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(*_step(given, wanted, stride=2), _CvBlock(wanted, wanted))


class _UpBlock(_Layers):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(_CvBlock(given, given), _conv(given, wanted * 4), nn.PixelShuffle(2))


class _OutputBlock(_Layers):
    def __init__(self, given: int) -> None:
        super().__init__(*_step(given, given), _conv(given, 3))


def _conv(given: int, wanted: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(given, wanted, 3, stride, 1, groups=groups, bias=False)


def _step(given: int, wanted: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module, nn.Module]:
    return _conv(given, wanted, stride, groups), nn.BatchNorm2d(wanted), nn.ReLU(inplace=True)


class FastDvdPrior(FrameWindowDenoiser):
    """``FastDvdNet`` as a prior."""

    name, halo, align, floats = "fastdvdnet", 90, 4, 340
    sigma = 5.0 / 255, 55.0 / 255

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """The denoised middle frames."""
        found: Tensor = self.network(frames, sigma)
        return found


def load(named: Named, device: torch.device | None = None) -> FastDvdPrior:
    """``prior="fastdvdnet:PATH"``. Raises DeblurError for a file that holds no such checkpoint."""
    network = with_weights(FastDvdNet(), str(named.path), "prior")
    return FastDvdPrior(network.to(device or torch.device("cpu")))
