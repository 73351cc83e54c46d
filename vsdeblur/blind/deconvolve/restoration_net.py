"""The proximal network of unrolled deconvolution: from the result of a data step to the sharp picture.

Its inputs are the picture, the blurry one, and the data residual mapped back, A'(v - A x); where the camera stored a
value (outside the borders it did not, and where lights clip only a bound is known); and the noise levels of v and x.
One set of weights for all stages.

References:
    Laroche, Almansa and Tassano 2022.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.unet import UNet

WIDTHS = (36, 72, 128)
_PICTURES = 3
_HINTS = 3
_SMALL = 0.1  # a difference of values that counts as 1


class RestorationNet(UNet):
    """x -> x + correction; see ``forward``."""

    def __init__(self) -> None:
        super().__init__(4 * 3 * _PICTURES + _HINTS, 4 * 3, WIDTHS)

    def forward(self, x: Tensor, blurry: Tensor, missing: Tensor, known: Tensor, noise: float, error: float) -> Tensor:
        """The picture with the network's correction.

        Args:
            x: (B, 3, H, W), the picture as the data step leaves it, display values; H and W multiples of ALIGNED.
            blurry: (B, 3, H, W), what was stored, continued over the borders, display values.
            missing: (B, 3, H, W), A'(v - A x).
            known: (B, 1, H, W) in [0, 1], where v was stored and not clipped.
            noise: Standard deviation of v's noise.
            error: Standard deviation that x is assumed to have from the true picture.

        Returns:
            (B, 3, H, W), display values.
        """
        levels = known.new_tensor([noise, error]).clamp_min(5e-4).log10().add(2).view(1, 2, 1, 1)
        around = torch.cat((F.avg_pool2d(known, 2), levels.expand(len(x), 2, x.shape[2] // 2, x.shape[3] // 2)), 1)
        pictures = torch.cat((x - 0.5, (blurry - x) / _SMALL, missing / _SMALL), 1)
        seen = torch.cat((F.pixel_unshuffle(pictures, 2), around), 1)
        return x + _SMALL * F.pixel_shuffle(self.body(seen), 2)
