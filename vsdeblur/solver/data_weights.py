"""The weight of the exposures, pixel by pixel: the noise of the sensor as the scale of the data term.

A key frame is coupled to its exposure by lambda and to its neighbours by mu. For Gaussian errors each weight is one
over its variance: that of the noise, shot * x + read, and that of the residual of a neighbour warped to the key frame,
which grows with the texture that a wrong motion would displace. So, relative to a frame without noise,

    lambda(x) = misfit^2(x) / (misfit^2(x) + sigma^2(x)),      misfit^2 = MISFIT^2 + TEXTURE * power of the texture

and of the residual r instants receive the share that is not noise (Wiener),  max(0, 1 - sigma^2 / |r|^2).

MISFIT and the tolerated noise PASSED are in display values, in which errors of the motion and the eye's response are
about uniform. In linear light they are multiplied by the slope of BT.709's curve. The same holds for errors of the
model: their squares are weighted by ``metric``, and an instant receives its share of a residual in steps of a display
value. Otherwise errors that are small relative to bright areas produce visible halos in adjacent dark ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.camera.noise import NOISELESS, Noise
from vsdeblur.colour.display import display_slope
from vsdeblur.tensors import box

PASSED = 2 / 255  # tolerated noise: at this level fine texture is easily estimated as noise, and exact data gain more
MISFIT = 1 / 255
TEXTURE = 0.015
_BOX = 9
_GREY, _DARKEST = 0.18, 0.01  # light of weight 1; light below which the weight grows no further
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class DataWeights:
    """Weights of the exposures by their noise.

    Attributes:
        noise: Of v, in v's values.
        linear: Values are linear light; otherwise they are display values as they are.
    """

    noise: Noise = NOISELESS
    linear: bool = False

    @property
    def noisy(self) -> bool:
        """Whether the noise exceeds the tolerated level PASSED, at any brightness."""
        return bool((self.variance(torch.linspace(0, 1, 65)) > _LEAST).any())

    def level(self, light: Tensor) -> float:
        """The standard deviation of the noise at the mean of ``light`` (any shape), in display values."""
        middle = light.mean().view(1)
        return float(self.noise.variance(middle).sqrt() / self._slope(middle))

    def variance(self, light: Tensor) -> Tensor:
        """The variance of the noise above the tolerated PASSED^2.

        Args:
            light: Values, any shape.

        Returns:
            Of that shape, in light's units squared; always above 0.
        """
        return (self.noise.variance(light) - PASSED**2 * self._slope(light).square()).clamp_(min=_LEAST)

    def weight(self, v: Tensor) -> Tensor:
        """lambda, relative to that without noise.

        Args:
            v: (n, C, H, W), frames of the colour channels.

        Returns:
            (n, 1, H, W) in (0, 1].
        """
        grey = v.mean(1, keepdim=True)
        mean = box(grey, _BOX)
        power = box(grey.square_(), _BOX).sub_(mean.square()).sub_(self.noise.variance(mean)).clamp_(min=0)
        slope = self._slope(mean).square_()
        misfit = power.div_(slope).mul_(TEXTURE).add_(MISFIT**2)
        return misfit / self.variance(mean).div_(slope).add_(misfit)

    def metric(self, v: Tensor) -> Tensor | None:
        """The weight of squared errors.

        Args:
            v: (n, C, H, W), frames of the colour channels.

        Returns:
            (n, 1, H, W); None for 1 everywhere, where values are display values.
        """
        return _GREY / v.mean(1, keepdim=True).clamp_(min=_DARKEST) if self.linear else None

    def step(self, light: Tensor) -> Tensor:
        """Light in a step of a display value, to a constant factor: about the square root of ``light``, any shape."""
        return light.clamp(min=_DARKEST).sqrt_()

    def signal_share(self, residual: Tensor, v: Tensor) -> Tensor:
        """Wiener's share of a residual: the part of its power that is not noise.

        Args:
            residual: (n, C, H, W), of the colour channels.
            v: (n, C, H, W), the frames.

        Returns:
            (n, 1, H, W) in [0, 1).
        """
        noise = self.variance(box(v.mean(1, keepdim=True), _BOX))
        power = box(residual.square().mean(1, keepdim=True), _BOX)
        return 1 - noise.div_(power.clamp_(min=noise))

    def _slope(self, light: Tensor) -> Tensor:
        return display_slope(light) if self.linear else torch.ones_like(light)
