"""A user's autoencoder of the package diffusers as a ``Codec``.

    z = d (m - shift) scale     m the mean of the encoder's q(m | 2 u - 1)     d the deviation of pictures' values

scale and shift are those by which its diffusion network knows latents, in which they have deviation 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DEVIATION


class KLCodec(nn.Module):
    """See the module.

    Attributes:
        network: An ``AutoencoderKL``, whose attention can be differentiated twice.
        smaller: Pixels to a latent, along each side.
        scale: Of latents, or (C, 1, 1).
        shift: The same.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: Any, smaller: int, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.network, self.smaller = network, smaller
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def encode(self, u: Tensor) -> Tensor:
        """The latents of pictures, see ``Codec``; edges are repeated."""
        height, width = u.shape[-2:]
        wide = F.pad(u, (0, -width % self.smaller, 0, -height % self.smaller), mode="replicate")
        mean: Tensor = self.network.encode(2 * wide - 1).latent_dist.mean
        return DEVIATION * (mean - self.shift) * self.scale

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of latents, see ``Codec``."""
        y: Tensor = self.network.decode(z / (DEVIATION * self.scale) + self.shift).sample
        return (y + 1) / 2

    def lost(self, u: Tensor) -> float:
        """The root mean square of what coding and decoding u changes."""
        with torch.no_grad():
            again = self.decode(self.encode(u))[..., : u.shape[-2], : u.shape[-1]]
        return float((again - u).square().mean().sqrt())
