"""The response curve of a whole clip, from the ramps of its samples together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vsdeblur.calibration.response.evidence import Ramps, frame_ramps
from vsdeblur.calibration.response.fit import ResponseEstimate, fit_response
from vsdeblur.calibration.shutter.clip import sample_windows
from vsdeblur.calibration.shutter.evidence import ShutterEvidence, frame_evidence
from vsdeblur.calibration.shutter.fit import fit_shutter
from vsdeblur.calibration.shutter.window import frames_and_motion
from vsdeblur.clip.samples import ClipSample, map_samples


def clip_response(samples: Sequence[ClipSample]) -> ResponseEstimate:
    """One estimate from all samples, whose values are as they are stored."""
    by_sample = map_samples(lambda sample: _sample_evidence(sample, len(samples)), samples)
    evidence = [one for frames in by_sample for one in frames]
    shutter = fit_shutter([blur for blur, _ in evidence]).usable
    return fit_response([ramps for _, ramps in evidence], shutter)


@torch.inference_mode()
def _sample_evidence(sample: ClipSample, count: int) -> list[tuple[ShutterEvidence, Ramps]]:
    """Each frame's evidence of the shutter, and its ramps; ``count``: samples of the clip."""
    evidence = []
    for window in sample_windows(sample, count):
        found = frames_and_motion(window, linear=False)
        if found is not None:
            evidence += [(frame_evidence(*found, n), frame_ramps(*found, n)) for n in range(len(found[0]))]
    return evidence
