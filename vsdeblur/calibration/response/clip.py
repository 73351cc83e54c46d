"""The response curve of a whole clip: the ramps of the places that it is looked at in, taken together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vsdeblur.calibration.response.evidence import Ramps, frame_ramps
from vsdeblur.calibration.response.fit import Estimate, fit
from vsdeblur.calibration.shutter.clip import windows
from vsdeblur.calibration.shutter.evidence import Evidence, frame_evidence
from vsdeblur.calibration.shutter.fit import fit as fit_shutter
from vsdeblur.calibration.shutter.window import looked_at
from vsdeblur.clip.samples import Place, each


def clip_response(places: Sequence[Place]) -> Estimate:
    """One estimate from several places, whose values are as they are stored."""
    told = [one for place in each(lambda place: _told(place, len(places)), places) for one in place]
    shutter = fit_shutter([evidence for evidence, _ in told]).usable
    return fit([ramps for _, ramps in told], shutter)


@torch.inference_mode()
def _told(place: Place, of: int) -> list[tuple[Evidence, Ramps]]:
    """What each frame of a place, one ``of`` so many, says of the shutter, and its ramps."""
    told = []
    for window in windows(place, of):
        seen = looked_at(window, linear=False)
        if seen is not None:
            told += [(frame_evidence(*seen, n), frame_ramps(*seen, n)) for n in range(len(seen[0]))]
    return told
