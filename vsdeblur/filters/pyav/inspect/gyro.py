"""The gyroscope of a file, aligned with its picture."""

from __future__ import annotations

from vsdeblur.calibration.gyro.evidence import picture_steps
from vsdeblur.calibration.gyro.fit import Alignment, GyroAngles, align
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.inspect.gyro_file import read_gyro_file
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.telemetry import read_gyro_angles


def find_alignment(survey: Survey) -> Alignment | None:
    """How the gyroscope of a file lies to its picture; None where there is none, or too little motion.

    Args:
        survey: of the whole file, however little of it is restored.
    """
    turned = _turned(survey)
    steps = None if turned is None else picture_steps(survey.drifts)
    return None if turned is None or steps is None else align(turned, steps)


def _turned(survey: Survey) -> GyroAngles | None:
    """By the file of samples that was given, else by the file itself. Raises ArgumentError."""
    if survey.path == "-":
        if survey.gyro is not None:
            raise ArgumentError("gyro", survey.gyro, "left out with standard input, which cannot be looked at before")
        return None
    return read_gyro_angles(survey.path) if survey.gyro is None else read_gyro_file(survey.gyro)


def about(alignment: Alignment | None) -> str:
    """An alignment in words, for reports."""
    if alignment is None:
        return "none that could be compared with the picture"
    shares = f"explains {max(alignment.explained, 0.0):.0%} of the picture's shifts"
    verdict = "used where the picture shakes or a pan sets in" if alignment.agrees else "not used"
    return f"{shares}, {1000 * alignment.offset:+.0f} ms off: {verdict}"
