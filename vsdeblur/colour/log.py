"""Logarithmic curves of cameras, by their makers' formulas.

Stored value y, light x, with mid grey at x = 0.18 and 1.0 a perfectly white surface:

    y = gain ln(scale x + offset) + shift    for x >= cut
    y = slope x + black                      below, light under black included

y is 1 at the highest code value of a signal that uses all of them: 1023 of 10 bits. Sources:

- slog3: Sony, Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3.
- vlog: Panasonic, VARICAM V-Log/V-Gamut Reference Manual (2014).
- logc3: ARRI, ALEXA Log C Curve, Usage in VFX (2012), of exposure index 800.
- logc4: ARRI, LogC4 Logarithmic Color Space Specification (Cooper, Brendel 2022).
- applelog: Apple, Apple Log Profile White Paper (2023). Below its cut light is c (x - R0)^2, so that black is not 0.
- protune: GoPro's Protune Flat, ln(112 x + 1) / ln(113), as ACES has it (Duiker 2016). Odd below 0.
- cineon: Kodak's film scans, black at 95 and white at 685 of 1023, 300 codes a decade (SMPTE DPX, printing density).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_CODES = 1023.0


@dataclass(frozen=True, slots=True)
class LogCurve:
    """One curve with a straight toe; symbols as in the module's equations."""

    gain: float
    scale: float
    offset: float
    shift: float
    cut: float
    slope: float
    black: float

    def decode(self, y: Tensor) -> Tensor:
        """Light from stored values of any sign; may overwrite them."""
        joint = self.slope * self.cut + self.black
        log = y.clamp(min=joint).sub_(self.shift).div_(self.gain).exp_().sub_(self.offset).div_(self.scale)
        return log.where(y >= joint, y.sub_(self.black).div_(self.slope))

    def encode(self, x: Tensor) -> Tensor:
        """The inverse of ``decode``."""
        log = x.clamp(min=self.cut).mul_(self.scale).add_(self.offset).log_().mul_(self.gain).add_(self.shift)
        return log.where(x >= self.cut, x.mul_(self.slope).add_(self.black))


@dataclass(frozen=True, slots=True)
class AppleLog:
    """A logarithm over a parabola: y = curvature (x - lowest)^2 below the cut, odd about light ``lowest``."""

    gain: float = 0.08550479 / math.log(2)
    offset: float = 0.00964052
    shift: float = 0.69336945
    cut: float = 0.01
    lowest: float = -0.05641088
    curvature: float = 47.28711236

    def decode(self, y: Tensor) -> Tensor:
        """Light from stored values of any sign; may overwrite them."""
        joint = self.curvature * (self.cut - self.lowest) ** 2
        log = y.clamp(min=joint).sub_(self.shift).div_(self.gain).exp_().sub_(self.offset)
        toe = y.clamp(max=joint).div_(self.curvature)
        return log.where(y >= joint, toe.abs().sqrt_().mul_(toe.sign()).add_(self.lowest))

    def encode(self, x: Tensor) -> Tensor:
        """The inverse of ``decode``."""
        log = x.clamp(min=self.cut).add_(self.offset).log_().mul_(self.gain).add_(self.shift)
        toe = x.clamp(max=self.cut).sub_(self.lowest)
        return log.where(x >= self.cut, toe.abs().mul_(toe).mul_(self.curvature))


def _slog3() -> LogCurve:
    cut, black = 0.01125, 95 / _CODES
    slope = (171.2102946929 / _CODES - black) / cut
    return LogCurve(261.5 / math.log(10) / _CODES, 1 / 0.19, 0.01 / 0.19, 420 / _CODES, cut, slope, black)


def _logc4() -> LogCurve:
    a, b, c = (2**18 - 16) / 117.45, (1023 - 95) / _CODES, 95 / _CODES
    toe = 7 * math.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    cut = (2 ** (14 * -c / b + 6) - 64) / a
    return LogCurve(b / (14 * math.log(2)), a, 64, c - 6 * b / 14, cut, 1 / toe, -cut / toe)


def _cineon() -> LogCurve:
    black = 10 ** ((95 - 685) / 300)
    gain = 300 / math.log(10) / _CODES
    return LogCurve(gain, 1 - black, black, 685 / _CODES, 0.0, gain * (1 - black) / black, 95 / _CODES)


def log_curve(name: str) -> LogCurve | AppleLog:
    """The curve of a name of ``vsdeblur.settings.transfers.LOGS`` but "protune", which is odd as other curves are."""
    ten = math.log(10)
    makers: dict[str, Callable[[], LogCurve | AppleLog]] = {
        "slog3": _slog3,
        "vlog": lambda: LogCurve(0.241514 / ten, 1.0, 0.00873, 0.598206, 0.01, 5.6, 0.125),
        "logc3": lambda: LogCurve(0.247190 / ten, 5.555556, 0.052272, 0.385537, 0.010591, 5.367655, 0.092809),
        "logc4": _logc4,
        "applelog": AppleLog,
        "cineon": _cineon,
    }
    return makers[name]()
