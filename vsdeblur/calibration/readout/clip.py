"""The readout of a whole clip: the drift of the places that it is looked at in, taken together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vsdeblur.calibration.readout.evidence import LONGEST, SMALLEST, Drift, find_drift
from vsdeblur.calibration.readout.fit import Estimate, fit
from vsdeblur.clip.samples import Place, each, look_at
from vsdeblur.flow.pairwise import averaged

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray
    from torch import Tensor

_FEWEST = 3  # frames, for motion to change


@torch.inference_mode()
def place_drift(place: Place) -> Drift | None:
    """What a place tells, by its longest scene; None where that is too little."""
    scene = place.scene[:, 0]
    scale = -(-max(scene.shape[-2:]) // LONGEST)
    if len(scene) < _FEWEST or min(scene.shape[-2:]) // scale < SMALLEST:
        return None
    return find_drift(averaged(scene, scale), linear=place.linear)


def clip_readout(places: Sequence[Place]) -> Estimate:
    """One estimate from several places."""
    return fit([drift for drift in each(place_drift, places) if drift])


def estimate_readout(
    clip: vs.VideoNode | Tensor | NDArray[np.floating[Any]], transfer: str | None = None
) -> tuple[float, float]:
    """How long a rolling shutter takes from the first row to the last: (periods, in [0, 1), confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them. transfer: how values are
    stored; None means by the clip's props, and for tensors as they are ("linear"). Up to six runs of frames, spread
    over the clip and without those that repeat, are looked at: where the motion of the picture changes, the last rows
    show that later than the first (``vsdeblur/calibration/readout/fit.py``). Steady motion, a camera on a tripod, and
    stabilised footage do not tell: the confidence is then next to 0. What is below a confidence of 0.6 counts as no
    readout with ``readout="auto"``.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    return clip_readout(look_at(clip, transfer))
