"""A family of response curves with one parameter, for cameras that do not say what they do to light.

A power with a straight toe, as sRGB is: stored values z below _JOINT are proportional to light, and above it

    light = ((z + a) / (1 + a))^p,    p = 1 + 1.4 k,  a = 0.055 k,  k = (gamma - 1) / 1.2

where value and slope agree. gamma 1 is linear light exactly, 2.2 is sRGB, and between and beyond them each curve lies
close to the plain power of that number, without being infinitely steep at black (which noise there would not survive).
BT.709 lies nearest to 1.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_SRGB_GAMMA, _SRGB_POWER, _SRGB_OFFSET = 2.2, 2.4, 0.055
_JOINT = _SRGB_OFFSET / (_SRGB_POWER - 1)


@dataclass(frozen=True, slots=True)
class Response:
    """The curve of one gamma, of values that are not negative."""

    gamma: float

    @property
    def _shape(self) -> tuple[float, float, float]:
        """Power, offset and slope of the toe."""
        k = (self.gamma - 1) / (_SRGB_GAMMA - 1)
        power, offset = 1 + (_SRGB_POWER - 1) * k, _SRGB_OFFSET * k
        return power, offset, power / (1 + offset) * ((_JOINT + offset) / (1 + offset)) ** (power - 1)

    def decode(self, z: Tensor) -> Tensor:
        """Light from stored values; may overwrite them."""
        power, offset, slope = self._shape
        above = z.clamp(min=_JOINT).add_(offset).div_(1 + offset).pow_(power)
        return above.where(z > _JOINT, z.mul_(slope))

    def encode(self, light: Tensor) -> Tensor:
        """The inverse of ``decode``."""
        power, offset, slope = self._shape
        above = light.clamp(min=_JOINT * slope).pow_(1 / power).mul_(1 + offset).sub_(offset)
        return above.where(light > _JOINT * slope, light.div_(slope))
