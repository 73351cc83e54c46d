"""The shutter of a file: as given, by telemetry, or estimated from samples of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.telemetry import Exposures, installed, read_exposures
from vsdeblur.settings import TELEMETRY, Options

ALIKE = 0.35  # of the period: samples whose shutters differ by more were filmed differently


@dataclass(frozen=True, slots=True)
class FoundShutter:
    """A shutter and where it comes from, in words. per_chunk: the clip has several, so each chunk finds its own.

    exposures: of every frame, from telemetry; ``shutter`` is then the usual one.
    """

    shutter: float
    source: str
    per_chunk: bool = False
    exposures: Exposures | None = None

    def resolve(self, options: Options) -> Options:
        """The options with this shutter in them."""
        timed = options.given_as_time | {"shutter"} if self.exposures else options.given_as_time
        return replace(options, shutter=self.shutter, auto_shutter=self.per_chunk, given_as_time=timed)


def find_shutter(
    survey: Survey, options: Options, rate: Fraction | None, *, only_telemetry: bool = False
) -> FoundShutter:
    """The shutter that a file is restored with: as given, else by its telemetry, else estimated.

    survey: of the part that matters. rate: frames per second. Raises ArgumentError where only telemetry would do and
    there is none.
    """
    if not options.auto_shutter:
        return FoundShutter(options.shutter, "given")
    exposures = None if survey.path == "-" else read_exposures(survey.path, rate)
    if exposures and rate:
        low, high = 1000 * min(exposures.values), 1000 * max(exposures.values)
        words = f"by telemetry of {exposures.camera}: {low:.3g} to {high:.3g} ms"
        return FoundShutter(exposures.part(1 / float(rate)), words, exposures=exposures)
    if only_telemetry:
        need = "" if installed() else "; it takes the package telemetry-parser: pip install 'vsdeblur[telemetry]'"
        raise ArgumentError("shutter", TELEMETRY, f"used with a file that carries its exposure times{need}")
    if survey.path == "-":
        return FoundShutter(options.shutter, "estimated from each chunk", per_chunk=True)
    pooled = survey.shutter
    shutter, confidence = pooled.estimate
    reach = pooled.range
    if reach and reach[1] - reach[0] > ALIKE:
        words = f"estimated from each chunk: it lies between {reach[0]:.2f} and {reach[1]:.2f}"
        return FoundShutter(pooled.estimate.usable, words, per_chunk=True)
    if pooled.estimate.usable != shutter or not confidence:
        why = "nothing moves enough" if not confidence else f"the clip leaves it open (confidence {confidence:.2f})"
        return FoundShutter(pooled.estimate.usable, f"assumed: {why}")
    sure = sum(1 for sample in pooled.samples if sample.confidence)
    spread = f", {reach[0]:.2f} to {reach[1]:.2f}" if reach and reach[0] != reach[1] else ""
    number = f"{sure} place{'s' if sure > 1 else ''}"
    return FoundShutter(round(shutter, 3), f"estimated from {number}{spread}, confidence {confidence:.2f}")
