"""How the picture moved from frame to frame: what a gyroscope is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vsdeblur.calibration.gyro.fit import PictureSteps
from vsdeblur.calibration.readout.evidence import Drift, shifts_and_turns


def picture_steps(drifts: Sequence[tuple[Drift, tuple[float, ...]]]) -> PictureSteps | None:
    """The steps of samples without a cut; None without any.

    Args:
        drifts: of each sample, with the times in seconds at which all its frames are shown.
    """
    whole = [(drift, times) for drift, times in drifts if len(drift.flow) + 1 == len(times)]
    if not whole:
        return None
    begin, end = (np.concatenate([np.array(times[part]) for _, times in whole]) for part in (slice(-1), slice(1, None)))
    moved = [shifts_and_turns(drift) / [drift.width, drift.width, 1] for drift, _ in whole]
    return PictureSteps(begin, end, np.concatenate(moved))
