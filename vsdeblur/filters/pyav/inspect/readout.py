"""The readout of a file's rolling shutter: as given, by telemetry, or estimated from samples of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from vsdeblur.calibration.readout.fit import CONFIDENT, ReadoutEstimate
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.telemetry import camera_readout, installed
from vsdeblur.settings import AUTO, TELEMETRY


@dataclass(frozen=True, slots=True)
class FoundReadout:
    """A value for ``readout``, and where it comes from, in words."""

    readout: float | str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.readout:g} of the frame period, {self.source}" if isinstance(self.readout, float) else self.source
        )


def find_readout(survey: Survey, given: float | str, rate: Fraction | None) -> FoundReadout:
    """The readout that a file is restored with.

    survey: of the part that matters. given: as everywhere, or "telemetry", or "auto": by telemetry, else estimated.
    rate: frames per second. Raises ArgumentError where only telemetry would do and there is none, and for "auto" of
    standard input, which cannot be read twice.
    """
    if given not in (TELEMETRY, AUTO):
        return FoundReadout(given, "given")
    if survey.path == "-" and given == AUTO:
        raise ArgumentError("readout", given, "a fraction of the period or a time for standard input")
    camera, seconds, stabilised = camera_readout(survey.path) if rate and survey.path != "-" else ("", None, False)
    if seconds is not None and stabilised:
        return FoundReadout(0, f"none: by telemetry {camera} has stabilised the picture, and moved its rows")
    if seconds is not None:
        return FoundReadout(f"{seconds!r}s", f"by telemetry of {camera}: {1000 * seconds:.3g} ms")
    if given == TELEMETRY:
        need = "" if installed() else "; it takes the package telemetry-parser: pip install 'vsdeblur[telemetry]'"
        raise ArgumentError("readout", TELEMETRY, f"used with a file that carries its readout time{need}")
    estimate = survey.readout
    if estimate.usable:
        return FoundReadout(estimate.readout, f"estimated, confidence {estimate.confidence:.2f}")
    if estimate.confidence >= CONFIDENT:
        return FoundReadout(0, f"none: all rows move alike, confidence {estimate.confidence:.2f}")
    return FoundReadout(0, "assumed: the camera's motion leaves it open" + _how(estimate))


def _how(estimate: ReadoutEstimate) -> str:
    return f" (confidence {estimate.confidence:.2f})" if estimate.confidence else ""
