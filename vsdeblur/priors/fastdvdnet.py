"""``prior="fastdvdnet:PATH"``: FastDVDnet (Tassano, Delon and Veit, CVPR 2020) with its authors' checkpoint.

Two stages of the same kind of U-Net: three triples of neighbouring frames, each to its middle frame, then those three
to the one meant. Modules are named so that the state dict that its authors published fits. No weights come with
vsdeblur.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vsdeblur.external import with_weights
from vsdeblur.priors.protocol import PriorInfo
from vsdeblur.priors.video import FiveFrames

_KNOWN = (5.0 / 255, 55.0 / 255)  # noise that it was trained with
_WIDTH = (32, 64, 128)
_APART = 30  # channels that each frame has of its own at first
_HALO = 90


class FastDvdNet(nn.Module):
    """(B, 3, H, W) of frames (B, 5, 3, H, W) and sigma (B, 1, H, W); H and W multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.temp1 = _DenBlock()
        self.temp2 = _DenBlock()

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
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
        told = torch.cat((frames, sigma[:, None].expand(-1, 3, -1, -1, -1)), 2).flatten(1, 2)
        x0 = self.inc(told)
        x1 = self.downc0(x0)
        x2 = self.upc2(self.downc1(x1))
        clean: Tensor = frames[:, 1] - self.outc(x0 + self.upc1(x1 + x2))
        return clean


class _Block(nn.Module):
    """What its parts do one after the other; the published names want it under ``convblock``."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.convblock = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convblock(x)
        return y


class _CvBlock(_Block):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(*_step(given, wanted), *_step(wanted, wanted))


class _InputBlock(_Block):
    def __init__(self, wanted: int) -> None:
        super().__init__(*_step(3 * 4, 3 * _APART, groups=3), *_step(3 * _APART, wanted))


class _DownBlock(_Block):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(*_step(given, wanted, stride=2), _CvBlock(wanted, wanted))


class _UpBlock(_Block):
    def __init__(self, given: int, wanted: int) -> None:
        super().__init__(_CvBlock(given, given), _conv(given, wanted * 4), nn.PixelShuffle(2))


class _OutputBlock(_Block):
    def __init__(self, given: int) -> None:
        super().__init__(*_step(given, given), _conv(given, 3))


def _conv(given: int, wanted: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(given, wanted, 3, stride, 1, groups=groups, bias=False)


def _step(given: int, wanted: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module, nn.Module]:
    return _conv(given, wanted, stride, groups), nn.BatchNorm2d(wanted), nn.ReLU(inplace=True)


class FastDvdPrior(FiveFrames):
    """``FastDvdNet`` as a prior."""

    align = 4

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval()

    @property
    def info(self) -> PriorInfo:
        return PriorInfo("fastdvdnet", (1, 2, 3, 4), _KNOWN, _HALO, 2, 5, floats=340)

    @torch.no_grad()
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        found: Tensor = self.network(frames, sigma)
        return found


def load_fastdvdnet(path: str, device: torch.device | None = None) -> FastDvdPrior:
    """The prior with the checkpoint at ``path``. Raises DeblurError for a file that holds none."""
    network = with_weights(FastDvdNet(), path, "prior")
    return FastDvdPrior(network.to(device or torch.device("cpu")))
