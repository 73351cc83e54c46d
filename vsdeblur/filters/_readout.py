"""The readout of a file's rolling shutter: as given, by telemetry, or from places spread over it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from vsdeblur.errors import ArgumentError
from vsdeblur.filters._shutter import luma, places
from vsdeblur.filters._source import Source
from vsdeblur.filters._telemetry import camera_readout, installed
from vsdeblur.options import AUTO, TELEMETRY
from vsdeblur.readout.clip import RUN, place_drift
from vsdeblur.readout.fit import Estimate, fit


@dataclass(frozen=True, slots=True)
class FoundReadout:
    """What to hand on as ``readout``, and where it comes from, in words."""

    readout: float | str
    source: str

    def __str__(self) -> str:
        return (
            f"{self.readout:g} of the frame period, {self.source}" if isinstance(self.readout, float) else self.source
        )


def find_readout(
    path: str,
    given: float | str,
    rate: Fraction | None,
    transfer: str | None = None,
    begin: Fraction | None = None,
    length: Fraction | None = None,
) -> FoundReadout:
    """The readout that a file is restored with.

    given: as everywhere, or "telemetry", or "auto": by telemetry, else estimated. rate: frames per second. begin,
    length: the part that matters, in seconds. Raises ArgumentError where only telemetry would do and there is none,
    and for "auto" of standard input, which cannot be looked at first.
    """
    if given not in (TELEMETRY, AUTO):
        return FoundReadout(given, "given")
    if path == "-" and given == AUTO:
        raise ArgumentError("readout", given, "a fraction of the period or a time for standard input")
    camera, said, stabilised = camera_readout(path) if rate and path != "-" else ("", None, False)
    if said is not None and stabilised:
        return FoundReadout(0, f"none: by telemetry {camera} has stabilised the picture, and moved its rows")
    if said is not None:
        return FoundReadout(f"{said!r}s", f"by telemetry of {camera}: {1000 * said:.3g} ms")
    if given == TELEMETRY:
        need = "" if installed() else "; it takes the package telemetry-parser: pip install 'vsdeblur[telemetry]'"
        raise ArgumentError("readout", TELEMETRY, f"used with a file that carries its readout time{need}")
    status = Path(path).stat()
    estimate = _estimated(path, status.st_mtime_ns, status.st_size, transfer, begin, length)
    if estimate.usable:
        return FoundReadout(estimate.readout, f"estimated, confidence {estimate.confidence:.2f}")
    if estimate.confidence and estimate.usable == estimate.readout:
        return FoundReadout(0, f"none: all rows move alike, confidence {estimate.confidence:.2f}")
    return FoundReadout(0, "assumed: the camera's motion does not tell" + _how(estimate))


def _how(estimate: Estimate) -> str:
    return f" (confidence {estimate.confidence:.2f})" if estimate.confidence else ""


@lru_cache(maxsize=4)
def _estimated(
    path: str, modified: int, size: int, transfer: str | None, begin: Fraction | None, length: Fraction | None
) -> Estimate:
    """Kept: what is said before a job is what the job uses."""
    with Source(path, start=begin, duration=length) as source:
        seen = [luma(frames, transfer) for frames in places(source, RUN) if frames]
        return fit([drift for light, linear in seen for drift in place_drift(light, linear=linear)])
