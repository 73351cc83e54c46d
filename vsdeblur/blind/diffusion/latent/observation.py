"""What was observed, as a function of latents: the likelihood through the decoder, linearised.

    v = A f(G(z)) + s n,     missing = A F J e + s n  for small changes e of z,     J = dG / dz,  F = f'(G(z))

J and its transpose are products with the decoder's derivative, so that every guidance of pictures guides latents too
(PiGDM generalised: the pseudoinverse is that of A F J).

References:
    Song, Vahdat, Mardani and Kautz: Pseudoinverse-guided diffusion models for inverse problems, ICLR 2023.
    Rout et al.: Solving linear inverse problems provably via posterior sampling with latent diffusion models, NeurIPS
    2023: the gradient of the likelihood taken through the decoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.observation import Linearised, Observation

_ITERATIONS = 6  # of the power method
_ABOVE = 1.5  # times what it finds, as a bound of the largest singular value squared

Decoder = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class LatentObservation(Observation):
    """An ``Observation`` whose u are latents z: v = A f(G(z)) + s n.

    Attributes:
        decode: G, to (B, 3, H + 2 margin, W + 2 margin).
        highest: A bound of ||J'A'A J||.
    """

    decode: Decoder

    @classmethod
    def of(cls, seen: Observation, decode: Decoder, z: Tensor) -> LatentObservation:
        """The same observation, of latents.

        Args:
            seen: Of pictures.
            decode: G.
            z: Where the norm of J is measured.
        """
        through = _Derivative(decode, z)
        probe = torch.sin(torch.arange(z.numel(), dtype=z.dtype, device=z.device)).view_as(z)
        largest = 1.0
        for _ in range(_ITERATIONS):
            probe = through.back(through.forth(probe / probe.norm()))
            largest = float(probe.norm())
        return cls(seen.v, seen.blur, seen.noise, seen.linear, seen.clip, _ABOVE * largest * seen.highest, decode)

    def at(self, u: Tensor) -> Linearised:
        """The observation around latents u (B, C, h, w)."""
        through = _Derivative(self.decode, u)
        # Two-argument super() cannot find the class that slots made anew.
        here = Observation.at(self, through.value)
        return _ThroughDecoder(self, here.missing, here.slope, here.known, through)


@dataclass(frozen=True, slots=True, eq=False)
class _ThroughDecoder(Linearised):
    """missing = A F J e + s n."""

    through: _Derivative

    def back(self, residual: Tensor) -> Tensor:
        """J'F A'M residual."""
        return self.through.back(Linearised.back(self, residual))

    def forth(self, change: Tensor) -> Tensor:
        """A F J change."""
        return Linearised.forth(self, self.through.forth(change))


class _Derivative:
    """G(z), and products with J and J'."""

    def __init__(self, decode: Decoder, z: Tensor) -> None:
        # Inference mode keeps nothing for derivatives, even where they are asked for inside it.
        with torch.inference_mode(False):
            self._decode, self._z = decode, z.clone()
            value, self._pull = torch.func.vjp(decode, self._z)
            self.value: Tensor = value.detach()

    def back(self, w: Tensor) -> Tensor:
        """J'w, of w of G(z)'s shape."""
        with torch.inference_mode(False):
            found: Tensor = self._pull(w.clone())[0]
            return found.detach()

    def forth(self, e: Tensor) -> Tensor:
        """J e, of e of z's shape."""
        with torch.inference_mode(False):
            found: Tensor = torch.func.jvp(self._decode, (self._z,), (e.clone(),))[1]
            return found.detach()
