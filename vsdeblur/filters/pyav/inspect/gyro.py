"""The camera's path by the gyroscope of a file, aligned with places spread over it."""

from __future__ import annotations

import numpy as np

from vsdeblur.calibration.gyro.fit import Alignment, Steps, align
from vsdeblur.calibration.readout.evidence import shifts_and_turns
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.telemetry import read_turning


def find_alignment(survey: Survey) -> Alignment | None:
    """How the gyroscope of a file lies to its picture; None where there is none, or too little motion to tell.

    survey: of the whole file, however little of it is restored.
    """
    turning = None if survey.path == "-" else read_turning(survey.path)
    steps = None if turning is None else _steps(survey)
    return None if turning is None or steps is None else align(turning, steps)


def about(alignment: Alignment | None) -> str:
    """In words."""
    if alignment is None:
        return "none that could be compared with the picture"
    shares = f"explains {max(alignment.explained, 0.0):.0%} of the picture's shifts"
    verdict = "used where the picture shakes or a pan sets in" if alignment.agrees else "not used"
    return f"{shares}, {1000 * alignment.offset:+.0f} ms off: {verdict}"


def _steps(survey: Survey) -> Steps | None:
    """How the picture moved from frame to frame, in places without a cut."""
    whole = [(drift, times) for drift, times in survey.drifts if len(drift.flow) + 1 == len(times)]
    if not whole:
        return None
    begin, end = (np.concatenate([np.array(times[part]) for _, times in whole]) for part in (slice(-1), slice(1, None)))
    moved = [shifts_and_turns(drift) / [drift.width, drift.width, 1] for drift, _ in whole]
    return Steps(begin, end, np.concatenate(moved))
