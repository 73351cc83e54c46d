"""What a bridge knows of a blurry picture: the expected sharp picture at its points, and steps towards the data.

The state of a bridge is a picture with the blur's margin, as display values, for the network works on these. Blur adds
up light, so whatever involves the blur converts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.deconvolve.protocol import extended
from vsdeblur.blind.deconvolve.unrolled import data_step, norm_bound, unclipped
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.unet import ALIGNED

LEAST_NOISE = 0.004  # least error of a blur model, in values: a lower bound of the assumed noise


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A blurry picture, its blur and its noise.

    Attributes:
        v: (B, 3, H, W), values as they are.
        blur: A, of v's size.
        noise: (B,), standard deviation of v's noise.
        known: M, (B, 1, H, W) in [0, 1]: 0 where v is clipped.
        linear: Values are linear light.
    """

    v: Tensor
    blur: Blur
    noise: Tensor
    known: Tensor
    linear: bool = False

    @classmethod
    def of(cls, v: Tensor, blur: Blur, noise: float, clip: float | None, linear: bool) -> Observed:
        """One picture, or several with the same noise.

        Args:
            v: (B, 3, H, W).
            blur: Of v's size.
            noise: Standard deviation of v's noise.
            clip: The value from which on v is clipped; None where it never is.
            linear: Values are linear light.
        """
        known = torch.ones_like(v[:, :1]) if clip is None else unclipped(v, clip)
        return cls(v, blur, v.new_full((len(v),), noise), known, linear)

    def shown(self, light: Tensor) -> Tensor:
        """Values of v's kind as display values."""
        return to_smooth_display(light) if self.linear else light

    def light(self, shown: Tensor) -> Tensor:
        """Display values as values of v's kind."""
        return from_smooth_display(shown) if self.linear else shown

    def expected(self, network: BridgeNet, x: Tensor, time: Tensor, spread: Tensor) -> Tensor:
        """F(x_t, t), the expected sharp picture.

        Args:
            network: F.
            x: x_t, (B, 3, H + 2 margin, W + 2 margin), display values.
            time: t, (B,).
            spread: (B,), standard deviation of the noise in x_t.

        Returns:
            Of x's shape, display values.
        """
        missing = self.blur.adjoint(self.known * (self.v - self.blur(self.light(x))))
        blurry = self.shown(extended(self.v, self.blur))
        known = F.pad(self.known, (self.blur.margin,) * 4)
        given = (x, blurry, missing, known.repeat_interleave(len(x) // len(known), 0))
        height, width = x.shape[-2:]
        edge = (0, -width % ALIGNED, 0, -height % ALIGNED)
        noise = (self.noise.clamp_min(1e-4) + LEAST_NOISE).repeat_interleave(len(x) // len(known), 0)
        out: Tensor = network(
            *(F.pad(p, edge, mode="replicate") if any(edge) else p for p in given), noise, time, spread
        )
        return out[..., :height, :width]

    def nearer(self, x: Tensor, error: float, steps: int) -> Tensor:
        """The data step of a picture:  argmin_u  || M (v - A u) ||^2 + (noise / error)^2 || u - x ||^2.

        Args:
            x: (B, 3, H + 2 margin, W + 2 margin), display values.
            error: Standard deviation that x is assumed to have from the true picture.
            steps: Of Chebyshev's iteration.

        Returns:
            u, of x's shape, display values.
        """
        noise = float(self.noise.mean().clamp_min(1e-4)) + LEAST_NOISE
        bound = norm_bound(self.blur, self.v)
        return self.shown(data_step(self.v, self.blur, self.light(x), self.known, (noise / error) ** 2, bound, steps))
