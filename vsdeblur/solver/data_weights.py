"""The weight of the exposures, pixel by pixel: the noise of the sensor as the scale of the data term.

A key frame is held to its exposure by lambda and to its neighbours by mu. Of Gaussian errors each weight is one over
its variance: that of the noise, shot * x + read, and that of the misfit of a neighbour that was moved here, which grows
with the texture that a wrong motion would move. So, relative to a frame without noise,

    lambda(x) = misfit^2(x) / (misfit^2(x) + sigma^2(x)),      misfit^2 = MISFIT^2 + TEXTURE * power of the texture

and of the residual r that instants are given back the part that is not noise (Wiener),  max(0, 1 - sigma^2 / |r|^2).

MISFIT and what noise is let pass are display values: there motion errs and eyes see evenly. In linear light they are
multiplied by the slope of BT.709's curve there. So are errors of the model: their squares count by ``metric``, and an
instant is given back its part of a residual in steps of a display; else what is a trifle to a bright sky would ring in
the dark branches before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.camera.noise import NOISELESS, Noise
from vsdeblur.colour.display import display_slope
from vsdeblur.tensors import box

PASSED = 2 / 255  # at this level fine texture is easily taken for noise, and exact data are worth more
MISFIT = 1 / 255
TEXTURE = 0.015
_BOX = 9
_GREY, _DARKEST = 0.18, 0.01  # light that counts 1; from where on less light counts no more
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class DataWeights:
    """Weights by the noise of the exposures. linear: values are linear light; otherwise display values as they are."""

    noise: Noise = NOISELESS
    linear: bool = False

    @property
    def noisy(self) -> bool:
        """Whether there is more noise than is let pass, at any brightness."""
        return bool((self.variance(torch.linspace(0, 1, 65)) > _LEAST).any())

    def level(self, light: Tensor) -> float:
        """The deviation of the noise at the mean of ``light``, as a display shows it."""
        middle = light.mean().view(1)
        return float(self.noise.variance(middle).sqrt() / self._slope(middle))

    def variance(self, light: Tensor) -> Tensor:
        """That of the noise beyond what is let pass, at values of ``light``, any shape; never 0."""
        return (self.noise.variance(light) - PASSED**2 * self._slope(light).square()).clamp_(min=_LEAST)

    def weight(self, v: Tensor) -> Tensor:
        """lambda over that without noise, (n, 1, H, W) in (0, 1], of frames v (n, C, H, W) of colours."""
        grey = v.mean(1, keepdim=True)
        mean = box(grey, _BOX)
        power = box(grey.square_(), _BOX).sub_(mean.square()).sub_(self.noise.variance(mean)).clamp_(min=0)
        slope = self._slope(mean).square_()
        misfit = power.div_(slope).mul_(TEXTURE).add_(MISFIT**2)
        return misfit / self.variance(mean).div_(slope).add_(misfit)

    def metric(self, v: Tensor) -> Tensor | None:
        """What squared errors count at frames v (n, C, H, W) of colours, (n, 1, H, W); None for 1 everywhere."""
        return _GREY / v.mean(1, keepdim=True).clamp_(min=_DARKEST) if self.linear else None

    def step(self, light: Tensor) -> Tensor:
        """About how much light goes for a step of a display's values, which are about its square root; any shape."""
        return light.clamp(min=_DARKEST).sqrt_()

    def signal_share(self, residual: Tensor, v: Tensor) -> Tensor:
        """The part of the residual of frames v, both (n, C, H, W) of colours, that is not noise: (n, 1, H, W)."""
        noise = self.variance(box(v.mean(1, keepdim=True), _BOX))
        power = box(residual.square().mean(1, keepdim=True), _BOX)
        return 1 - noise.div_(power.clamp_(min=noise))

    def _slope(self, light: Tensor) -> Tensor:
        return display_slope(light) if self.linear else torch.ones_like(light)
