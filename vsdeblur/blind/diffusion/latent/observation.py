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

_STEPS = 8  # of Chebyshev's iteration
_ITERATIONS = 8  # of the power method
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
        probe = torch.randn(z.shape, generator=torch.Generator().manual_seed(0)).to(z)
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
    """G(z), and products with J and J'; J e is the derivative of J'w by w along e, J'w being linear in w."""

    def __init__(self, decode: Decoder, z: Tensor) -> None:
        # Inference mode keeps nothing for derivatives, even where they are asked for inside it.
        with torch.inference_mode(False), torch.enable_grad():
            self._z = z.clone().requires_grad_()
            self._value = decode(self._z)
            self._w = torch.zeros_like(self._value, requires_grad=True)
            self._pulled = torch.autograd.grad(self._value, self._z, self._w, create_graph=True)[0]
            self.value = self._value.detach()

    def back(self, w: Tensor) -> Tensor:
        """J'w, of w of G(z)'s shape."""
        with torch.inference_mode(False), torch.enable_grad():
            return torch.autograd.grad(self._value, self._z, w.clone(), retain_graph=True)[0]

    def forth(self, e: Tensor) -> Tensor:
        """J e, of e of z's shape."""
        with torch.inference_mode(False), torch.enable_grad():
            return torch.autograd.grad(self._pulled, self._w, e.clone(), retain_graph=True)[0]


def consistent(u: Tensor, observation: Observation, lost: float) -> Tensor:
    """argmin_x  || M (v - A f(x)) ||^2 / s^2 + || x - u ||^2 / lost^2: what coding lost, as far as the data has it.

    Args:
        u: (B, 3, H + 2 margin, W + 2 margin), decoded.
        observation: Of pictures.
        lost: Deviation of pictures from those that were coded and decoded, display values.
    """
    return u + lost * observation.at(u).whitened_change(lambda e: lost * e, lost, _STEPS)
