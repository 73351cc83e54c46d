"""How a file is restored: the arguments with transfer, readout, shutter and gyroscope resolved for this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from vsdeblur.calibration.gyro.fit import Alignment
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.file.reading import WHOLE, ReadOptions
from vsdeblur.filters.pyav.inspect.gyro import find_alignment
from vsdeblur.filters.pyav.inspect.readout import FoundReadout, find_readout
from vsdeblur.filters.pyav.inspect.shutter import FoundShutter, find_shutter
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.transfer import FoundTransfer, find_transfer
from vsdeblur.filters.pyav.timeline import ROUGHLY
from vsdeblur.settings import MAX_FACTOR, TELEMETRY, Options, parse_options


@dataclass(frozen=True, slots=True)
class Calibration:
    """The options for a file, and where each of its camera's parameters comes from.

    Attributes:
        options: for the engine; ``options.factor`` is at least 1.
        ratio: output frames per source period, on average; below ``options.factor`` where a variable-rate file is put
            on the grid of its nominal rate.
        transfer: the transfer function.
        readout: the readout of the rolling shutter.
        shutter: the open fraction of the period.
        survey: of the part that is restored.
        read: which part that is, and by which tags it is read.
    """

    options: Options
    ratio: Fraction
    transfer: FoundTransfer
    readout: FoundReadout
    shutter: FoundShutter
    survey: Survey
    read: ReadOptions

    def alignment(self) -> Alignment | None:
        """How the file's gyroscope lies to its picture, from the whole file; None without one or enough motion."""
        whole = replace(self.read, start=None, duration=None)
        return find_alignment(
            self.survey if whole == self.read else Survey(self.survey.path, self.options.transfer, whole)
        )


def calibrate(
    path: str,
    rate: Fraction | None,
    arguments: Mapping[str, Any],
    *,
    fps: Fraction | None = None,
    read: ReadOptions = WHOLE,
) -> Calibration:
    """Resolve the arguments that a file answers: "auto", "fit", "telemetry" and what is not given.

    Args:
        path: of the file, or "-" for standard input, which cannot be surveyed.
        rate: of the file, frames per second; None where it has none.
        arguments: of :func:`vsdeblur.settings.parse_options`, with the further values that only files have.
        fps: frames per second of a uniform output grid, in place of ``factor``.
        read: which part is restored, and by which tags it is read.

    Raises:
        ArgumentError: for what does not fit the file.
    """
    transfer = find_transfer(path, arguments.get("transfer"), read)
    survey = Survey(path, transfer.transfer, read)
    readout = find_readout(survey, arguments.get("readout", 0), rate)
    only_telemetry = arguments.get("shutter") == TELEMETRY
    resolved = {**arguments, "transfer": transfer.transfer, "readout": readout.readout}
    if only_telemetry:
        resolved["shutter"] = None
    options, ratio = _options(rate, resolved, fps)
    shutter = find_shutter(survey, options, rate, only_telemetry=only_telemetry)
    return Calibration(shutter.resolve(options), ratio, transfer, readout, shutter, survey, read)


def _options(rate: Fraction | None, arguments: Mapping[str, Any], fps: Fraction | None) -> tuple[Options, Fraction]:
    """The engine's options, and how many outputs a source period has on average."""
    if fps is None:
        options = parse_options(rate=rate, **arguments)
        return options, options.factor
    if not rate:
        raise ArgumentError("fps", str(fps), "left out for a source without a frame rate (use {factor})")
    ratio = fps / rate
    if not ROUGHLY <= ratio <= MAX_FACTOR:
        raise ArgumentError("fps", str(fps), f"from {rate} to {MAX_FACTOR * rate} for this source")
    return parse_options(rate=rate, **{**arguments, "factor": max(ratio, Fraction(1))}), ratio
