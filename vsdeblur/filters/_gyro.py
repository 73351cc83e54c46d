"""The camera's path by the gyroscope of a file, aligned with places spread over it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from vsdeblur.filters._shutter import luma, places
from vsdeblur.filters._source import Source
from vsdeblur.filters._telemetry import read_turning
from vsdeblur.filters._timeline import exact
from vsdeblur.flow.gyro import Alignment, Steps, align
from vsdeblur.readout.clip import RUN, place_drift
from vsdeblur.readout.drift import shifts_and_turns


def find_alignment(path: str, transfer: str | None = None) -> Alignment | None:
    """How the gyroscope of a file lies to its picture; None where there is none, or too little motion to tell.

    The whole file is looked at, however little of it is restored.
    """
    turning = None if path == "-" else read_turning(path)
    if turning is None:
        return None
    status = Path(path).stat()
    steps = _measured(path, status.st_mtime_ns, status.st_size, transfer)
    return None if steps is None else align(turning, steps)


def about(alignment: Alignment | None) -> str:
    """In words."""
    if alignment is None:
        return "none that could be compared with the picture"
    shares = f"explains {max(alignment.explained, 0.0):.0%} of the picture's shifts"
    verdict = "used where the picture shakes or a pan sets in" if alignment.agrees else "not used"
    return f"{shares}, {1000 * alignment.offset:+.0f} ms off: {verdict}"


@lru_cache(maxsize=4)
def _measured(path: str, modified: int, size: int, transfer: str | None) -> Steps | None:
    """Kept: what is said before a job is what the job uses."""
    begin, end, moved = [], [], []
    with Source(path) as source:
        for frames in places(source, RUN):
            times = [
                float(frame.pts * exact(frame.time_base) - source.origin) for frame in frames if frame.pts is not None
            ]
            light, linear = luma(frames, transfer)
            for drift in place_drift(light, linear=linear):
                if len(drift.flow) + 1 == len(times):  # without a cut
                    begin += times[:-1]
                    end += times[1:]
                    moved.append(shifts_and_turns(drift) / [drift.width, drift.width, 1])
    return Steps(np.array(begin), np.array(end), np.concatenate(moved)) if moved else None
