"""The readout of a whole clip: the drift of the places that it is looked at in, taken together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vsdeblur.calibration.readout.evidence import LONGEST, MIN_DRIFT_SIDE, Drift, find_drift
from vsdeblur.calibration.readout.fit import Estimate, fit
from vsdeblur.clip.samples import Place, each
from vsdeblur.flow.pairwise import averaged

_FEWEST = 3  # frames, for motion to change


@torch.inference_mode()
def place_drift(place: Place) -> Drift | None:
    """What a place tells, by its longest scene; None where that is too little."""
    scene = place.scene[:, 0]
    scale = -(-max(scene.shape[-2:]) // LONGEST)
    if len(scene) < _FEWEST or min(scene.shape[-2:]) // scale < MIN_DRIFT_SIDE:
        return None
    return find_drift(averaged(scene, scale), linear=place.linear)


def clip_readout(places: Sequence[Place]) -> Estimate:
    """One estimate from several places."""
    return fit([drift for drift in each(place_drift, places) if drift])
