"""The response curve of a whole clip: the ramps of the places that it is looked at in, taken together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vsdeblur.calibration.response.evidence import Ramps, frame_ramps
from vsdeblur.calibration.response.fit import Estimate, fit
from vsdeblur.calibration.shutter.clip import windows
from vsdeblur.calibration.shutter.evidence import Evidence, frame_evidence
from vsdeblur.calibration.shutter.fit import fit as fit_shutter
from vsdeblur.calibration.shutter.window import looked_at
from vsdeblur.clip.samples import Place, each, look_at

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray
    from torch import Tensor


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


def estimate_response(clip: vs.VideoNode | Tensor | NDArray[np.floating[Any]]) -> tuple[float, float]:
    """The response curve of a camera that does not tell: (gamma in [1, 3], confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them, values as they are stored.
    The gamma is that of ``transfer="responseX"`` (``vsdeblur/colour/response.py``): 1 is linear light, 1.9 about what
    "bt709" is, 2.2 "srgb". Up to six places, spread over the clip, are asked for edges that motion has blurred:
    straight ramps in light, bent ones in stored values. The confidence is how probable it is that the gamma is right to
    0.3; a clip without such edges gives (1.0, 0.0), and what is below a confidence of 0.5 is not used by
    ``transfer="fit"``.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    return clip_response(look_at(clip, "linear"))
