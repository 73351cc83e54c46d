"""The proximal network of unrolled deconvolution: a picture as a data step leaves it in, the picture without what the
step could not know out.

It is shown the picture, the blurry one, and by how much the model's blurry picture still differs from it; where the
camera stored anything (beyond the borders it did not, and where lights clip only a bound is known); and how far the
data step was let go. One set of weights for all stages (Laroche, Almansa and Tassano 2022).
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
    """See the module."""

    def __init__(self) -> None:
        super().__init__(4 * 3 * _PICTURES + _HINTS, 4 * 3, WIDTHS)

    def forward(self, x: Tensor, blurry: Tensor, missing: Tensor, known: Tensor, noise: float, error: float) -> Tensor:
        """x, blurry, missing: (B, 3, H, W), H and W multiples of ALIGNED: the picture, what was stored (continued over
        the borders), as a display shows them, and A'(v - A x). known: (B, 1, H, W) in [0, 1]. noise: of v.
        error: the deviation that x was supposed to have from the true picture. Returns the picture (B, 3, H, W).
        """
        told = known.new_tensor([noise, error]).clamp_min(5e-4).log10().add(2).view(1, 2, 1, 1)
        around = torch.cat((F.avg_pool2d(known, 2), told.expand(len(x), 2, x.shape[2] // 2, x.shape[3] // 2)), 1)
        pictures = torch.cat((x - 0.5, (blurry - x) / _SMALL, missing / _SMALL), 1)
        seen = torch.cat((F.pixel_unshuffle(pictures, 2), around), 1)
        return x + _SMALL * F.pixel_shuffle(self.body(seen), 2)
