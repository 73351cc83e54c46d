"""The network of bridges: the expected sharp picture, from any point of the bridge.

    F(x_t, t)  ~  E[x | x_t, v],      x_t = (1 - t) x + t y + s n,    n ~ N(0, 1)

x is the sharp picture and y a first restoration of the blurry picture v. The network of unrolled deconvolution takes
the same inputs, so its weights are where this one starts: its assumed error becomes the time, in the same unit, and the
deviation s of the noise on the bridge is one more channel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.deconvolve.restoration_net import WIDTHS, RestorationNet
from vsdeblur.unet import UNet

_PICTURES = 3
_HINTS = 4
_SMALL = 0.1  # a difference of values that counts as 1
_ERROR = 0.02  # deviation of a first restoration that the network of unrolled deconvolution was trained with


class BridgeNet(UNet):
    """x_t -> x_t + correction; see ``forward``."""

    def __init__(self) -> None:
        super().__init__(4 * 3 * _PICTURES + _HINTS, 4 * 3, WIDTHS)

    def forward(
        self, x: Tensor, blurry: Tensor, missing: Tensor, known: Tensor, noise: Tensor, time: Tensor, spread: Tensor
    ) -> Tensor:
        """The expected sharp picture, display values.

        Args:
            x: (B, 3, H, W), x_t, display values; H and W multiples of ALIGNED.
            blurry: (B, 3, H, W), what was stored, continued over the borders, display values.
            missing: (B, 3, H, W), A'(v - A x_t).
            known: (B, 1, H, W) in [0, 1], where v was stored and not clipped.
            noise: (B,), standard deviation of v's noise.
            time: (B,), t in [0, 1].
            spread: (B,), s, standard deviation of the noise on the bridge.

        Returns:
            (B, 3, H, W).
        """
        levels = torch.stack((noise, _ERROR * time), 1).clamp_min(5e-4).log10() + 2
        hints = torch.cat((levels, spread[:, None] / _SMALL), 1)[..., None, None]
        around = torch.cat((F.avg_pool2d(known, 2), hints.expand(-1, -1, x.shape[2] // 2, x.shape[3] // 2)), 1)
        pictures = torch.cat((x - 0.5, (blurry - x) / _SMALL, missing / _SMALL), 1)
        seen = torch.cat((F.pixel_unshuffle(pictures, 2), around), 1)
        return x + _SMALL * F.pixel_shuffle(self.body(seen), 2)

    @torch.no_grad()
    def begin_from(self, network: RestorationNet) -> None:
        """Take the weights of a network of unrolled deconvolution; the channel that it lacks starts at 0."""
        state = dict(network.state_dict())
        first = state["enter.weight"]
        state["enter.weight"] = F.pad(first, (0, 0, 0, 0, 0, self.enter.in_channels - first.shape[1]))
        self.load_state_dict(state)
