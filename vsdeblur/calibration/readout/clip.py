"""The readout of a whole clip, from the drift of its samples together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vsdeblur.calibration.readout.evidence import MAX_DRIFT_SIDE, MIN_DRIFT_SIDE, Drift, find_drift
from vsdeblur.calibration.readout.fit import ReadoutEstimate, fit_readout
from vsdeblur.clip.samples import ClipSample, map_samples
from vsdeblur.flow.resolution import downsampled

_MIN_FRAMES = 3  # for motion to change


@torch.inference_mode()
def sample_drift(sample: ClipSample) -> Drift | None:
    """The drift in a sample's longest scene; None where that is too short or too small."""
    scene = sample.scene[:, 0]
    scale = -(-max(scene.shape[-2:]) // MAX_DRIFT_SIDE)
    if len(scene) < _MIN_FRAMES or min(scene.shape[-2:]) // scale < MIN_DRIFT_SIDE:
        return None
    return find_drift(downsampled(scene, scale), linear=sample.linear)


def clip_readout(samples: Sequence[ClipSample]) -> ReadoutEstimate:
    """One estimate from all samples."""
    return fit_readout([drift for drift in map_samples(sample_drift, samples) if drift])
