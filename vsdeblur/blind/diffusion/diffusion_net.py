"""The network of the diffusion prior: a picture with noise of any deviation in, the mean of all pictures it may be out.

    D(x; sigma) = c_skip x + c_out F(c_in x; ln(sigma) / 4)

    c_skip = d^2 / (sigma^2 + d^2)     c_out = sigma d / sqrt(sigma^2 + d^2)     c_in = 1 / sqrt(sigma^2 + d^2)

d is the deviation of pictures' values. With it input and target of F have unit variance at every sigma. F is a U-Net at
half resolution (2 x 2 pixels are channels); sigma scales and shifts the channels of every block. It is convolutional
throughout, so that a picture of any size and its tiles give the same values away from borders.

References:
    Karras, Aittala, Aila and Laine: Elucidating the design space of diffusion-based generative models, NeurIPS 2022,
    table 1.
    Perez et al.: FiLM: visual reasoning with a general conditioning layer, AAAI 2018.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.unet import ALIGNED

WIDTHS = (64, 96, 160)
DEVIATION = 0.25  # of photographs' values, which lie in [0, 1]
_MIDDLE = 0.5
_COLOURS, _CELL = 3, 4
_WAVES, _EMBEDDED = 16, 96


class DiffusionNet(nn.Module):
    """See the module.

    Args:
        widths: Channels at a half, a quarter and an eighth of the resolution.
        colours: Channels of a picture.
        middle: The mean of its values.
    """

    def __init__(self, widths: tuple[int, int, int] = WIDTHS, colours: int = _COLOURS, middle: float = _MIDDLE) -> None:
        super().__init__()
        self.centre = middle
        half, quarter, eighth = widths
        self.register_buffer("waves", torch.logspace(-1, 1, _WAVES), persistent=False)
        self.embed = nn.Sequential(
            nn.Linear(2 * _WAVES, _EMBEDDED), nn.SiLU(), nn.Linear(_EMBEDDED, _EMBEDDED), nn.SiLU()
        )
        self.enter = nn.Conv2d(colours * _CELL, half, 3, padding=1)
        self.fine = _blocks(half, 1)
        self.down = nn.Conv2d(half, quarter, 2, stride=2)
        self.middle = _blocks(quarter, 2)
        self.deeper = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.coarse = _blocks(eighth, 2)
        self.up = nn.Conv2d(eighth, 4 * quarter, 1)
        self.middle_again = _blocks(quarter, 2)
        self.upper = nn.Conv2d(quarter, 4 * half, 1)
        self.fine_again = _blocks(half, 2)
        self.leave = nn.Conv2d(half, colours * _CELL, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """D(x; sigma), the posterior mean.

        Args:
            x: (B, colours, H, W), display values, nominally in [0, 1], with noise; H and W multiples of ALIGNED.
            sigma: (B,), the deviation of the noise, above 0.

        Returns:
            (B, colours, H, W), display values.
        """
        spread = sigma.view(-1, 1, 1, 1).to(x)
        total = (spread.square() + DEVIATION**2).sqrt()
        centred = x - self.centre
        found = self.raw(centred / total, sigma)
        return centred * (DEVIATION / total).square() + spread * DEVIATION / total * found + self.centre

    def raw(self, x: Tensor, sigma: Tensor) -> Tensor:
        """F of x (B, colours, H, W), computed in the precision of the weights; of x's shape and precision."""
        given, kind = x.dtype, self.enter.weight.dtype
        level = self._embedded(sigma).to(kind)
        x = F.pixel_unshuffle(x, 2).to(kind, memory_format=torch.channels_last)
        x = _through(self.fine, self.enter(x), level)
        y = _through(self.middle, self.down(x), level)
        z = _through(self.coarse, self.deeper(y), level)
        y = _through(self.middle_again, y + F.pixel_shuffle(self.up(z), 2), level)
        x = _through(self.fine_again, x + F.pixel_shuffle(self.upper(y), 2), level)
        return F.pixel_shuffle(self.leave(x), 2).to(given)

    def _embedded(self, sigma: Tensor) -> Tensor:
        waves = self.get_buffer("waves")
        angles = 2 * math.pi * (sigma.float().log() / 4)[:, None] * waves.float()
        level: Tensor = self.embed(torch.cat((angles.cos(), angles.sin()), 1).to(self.enter.weight.dtype))
        return level


class _ModulatedBlock(nn.Module):
    """x + conv(relu((1 + a) conv(x) + b)), a and b from the level of the noise."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.level = nn.Linear(_EMBEDDED, 2 * width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)
            self.level.weight.mul_(0.1)
            self.level.bias.zero_()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """The block of x (B, C, H, W) at level (B, EMBEDDED)."""
        scale, shift = self.level(level)[..., None, None].chunk(2, 1)
        y = torch.addcmul(shift, self.first(x), 1 + scale)
        out: Tensor = self.second(F.relu(y))
        return x + out


def _blocks(width: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(_ModulatedBlock(width) for _ in range(count))


def _through(blocks: nn.ModuleList, x: Tensor, level: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, level)
    return x


def white_deviation(sigma: float) -> float:
    """The deviation that the best linear estimate leaves, of white values of deviation DEVIATION under noise sigma."""
    return DEVIATION * sigma / math.hypot(DEVIATION, sigma)


def padded(network: nn.Module, x: Tensor, sigma: Tensor) -> Tensor:
    """``network`` on pictures of any size, continued at their ends where they are no multiple of ALIGNED.

    Args:
        network: D.
        x: (B, 3, H, W).
        sigma: (B,).

    Returns:
        (B, 3, H, W).
    """
    height, width = x.shape[-2:]
    margin = (0, -width % ALIGNED, 0, -height % ALIGNED)
    # Mirrored, which takes a picture that is wider than what is added.
    mode = "reflect" if margin[1] < width and margin[3] < height else "replicate"
    wide = F.pad(x, margin, mode=mode) if any(margin) else x
    out: Tensor = network(wide, sigma)
    return out[..., :height, :width]
