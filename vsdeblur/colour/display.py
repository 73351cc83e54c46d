"""Linear light as display values: one named curve for each purpose.

- ``to_display``, ``from_display``: BT.709 with its straight toe, exactly invertible, continued below black and above
  white. For everything that computes in display values and returns to light: denoisers, restoration frame by frame.
- ``to_matching``: the plain power 1 / 2.2 of light clipped to [0, 1]. For comparing frames: flow, cuts, repeats. It
  needs no inverse, and a power scales with exposure: two frames of different brightness differ by a factor.
- ``to_smooth_display``, ``from_smooth_display``, ``smooth_display_slope``: a power with a bounded slope at black, odd,
  differentiable everywhere. For what networks are trained through: BT.709's joint has a kink in its second derivative,
  the plain power an infinite slope.
- ``display_slope``: light per display value, BT.709's derivative without its joint. For weighing errors as eyes do.
- ``PHOTOGRAPH``: sRGB, what viewers assume of a PNG or JPEG file without a profile, and what the estimators of blind
  restoration were tuned on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsdeblur.colour.transfer import from_linear, to_linear

if TYPE_CHECKING:
    from torch import Tensor

DISPLAY = "bt709"
PHOTOGRAPH = "srgb"
MATCHING_EXPONENT = 1 / 2.2
_GAMMA, _TOE = 2.2, 0.01  # of the smooth curve, and the light below which it is straight, more or less
_BLACK, _SPAN = _TOE ** (1 / _GAMMA), (1 + _TOE) ** (1 / _GAMMA) - _TOE ** (1 / _GAMMA)


def to_display(light: Tensor) -> Tensor:
    """Display values of linear light of any shape, by BT.709: a new tensor."""
    return from_linear(light, DISPLAY)


def from_display(values: Tensor) -> Tensor:
    """The inverse of ``to_display``."""
    return to_linear(values, DISPLAY)


def to_matching(light: Tensor) -> Tensor:
    """min(max(light, 0), 1)^(1 / 2.2), for comparing frames; any shape."""
    from vsdeblur.tensors import power

    return power(light.clamp(0, 1), MATCHING_EXPONENT)


def to_smooth_display(light: Tensor) -> Tensor:
    """sign(x) ((|x| + t)^(1/2.2) - t^(1/2.2)) / ((1 + t)^(1/2.2) - t^(1/2.2)), t = 0.01, of light x of any shape."""
    values: Tensor = light.sign() * ((light.abs() + _TOE) ** (1 / _GAMMA) - _BLACK) / _SPAN
    return values


def from_smooth_display(values: Tensor) -> Tensor:
    """The inverse of ``to_smooth_display``."""
    light: Tensor = values.sign() * ((values.abs() * _SPAN + _BLACK) ** _GAMMA - _TOE)
    return light


def smooth_display_slope(values: Tensor) -> Tensor:
    """d light / d display value of ``from_smooth_display``, at display values of any shape."""
    slope: Tensor = _GAMMA * _SPAN * (values.abs() * _SPAN + _BLACK) ** (_GAMMA - 1)
    return slope


def display_slope(light: Tensor) -> Tensor:
    """d light / d display value by BT.709, 2.022 light^0.55 and at least 1 / 4.5, at values of light of any shape."""
    from vsdeblur.tensors import power

    return power(light.clamp(min=0), 0.55).mul_(2.022).clamp_(min=1 / 4.5)
