"""The protocol of codecs: what latents are to pictures."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Codec(Protocol):
    """An encoder and a decoder, both deterministic. Latents have mean 0 and deviation 0.25, as pictures have.

    So levels of noise mean the same in both spaces.
    """

    @property
    def smaller(self) -> int:
        """Pixels of a picture to one of its latents, along each side."""
        ...

    def encode(self, u: Tensor) -> Tensor:
        """The latents of pictures.

        Args:
            u: (B, 3, H, W), display values; continued at their ends where they are no multiple of ``smaller``.

        Returns:
            (B, channels of latents, ceil(H / smaller), ceil(W / smaller)).
        """
        ...

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of latents, twice differentiable.

        Args:
            z: (B, channels of latents, h, w).

        Returns:
            (B, 3, smaller h, smaller w), display values.
        """
        ...

    def lost(self, u: Tensor) -> float:
        """The deviation of pictures like u from those that were coded and decoded.

        Args:
            u: (B, 3, H, W), display values.
        """
        ...


def decoded(codec: Codec, z: Tensor, size: tuple[int, int]) -> Tensor:
    """The pictures (B, 3, H, W) of latents z, without what was added at their ends.

    Args:
        codec: Theirs.
        z: (B, channels of latents, h, w).
        size: (H, W).
    """
    return codec.decode(z)[..., : size[0], : size[1]]
