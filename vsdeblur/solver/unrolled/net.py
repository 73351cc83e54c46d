"""The proximal network of the unrolled solver: a key frame from the u-step's result and what it was solved from.

Its inputs are the key frame, its differences from the blurry frame and from both neighbouring key frames moved to it,
the motion while the shutter is open, the reliability of the path, and the visibility in the neighbours. Its output is
the key frame with a correction: about 105,000 multiplications per pixel, 1.5 million weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.unet import ALIGNED as ALIGNED
from vsdeblur.unet import UNet

WIDTHS = (48, 96, 128)
_PICTURES = 4
_HINTS = 8
_SMALL = 0.1  # a difference of values that counts as 1
_FAR = 8.0  # pixels of motion within the exposure that count as 1


class ProximalNet(UNet):
    """K -> K + correction; see ``forward``."""

    def __init__(self) -> None:
        super().__init__(4 * 3 * _PICTURES + _HINTS, 4 * 3, WIDTHS)

    def forward(self, pictures: Tensor, path: Tensor, hints: Tensor, shutter: Tensor) -> Tensor:
        """The corrected key frames.

        Args:
            pictures: (B, 4, 3, H, W), display values: key frame, blurry frame, next and previous key frame moved to it;
                H and W are multiples of ALIGNED.
            path: (B, 4, H, W), pixels.
            hints: (B, 3, H, W) in [0, 1]: reliability, visible in the next, visible in the previous.
            shutter: (B,), open fraction of the period.

        Returns:
            (B, 3, H, W).
        """
        opened = shutter.view(-1, 1, 1, 1)
        blur = torch.cat((path[:, :2] * opened, path[:, 2:] * (opened * opened / 2)), 1) / _FAR
        around = torch.cat((blur, hints, opened.expand_as(hints[:, :1])), 1)
        key = pictures[:, 0]
        others = (pictures[:, 1:] - key[:, None]).div_(_SMALL).flatten(1, 2)
        x = torch.cat((F.pixel_unshuffle(key - 0.5, 2), F.pixel_unshuffle(others, 2), F.avg_pool2d(around, 2)), 1)
        del others, around, blur
        return key + _SMALL * F.pixel_shuffle(self.body(x), 2)
