"""The readout of a whole clip: of runs of frames spread over it, taken together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsdeblur.engine.cuts import find_cuts
from vsdeblur.flow.pairwise import averaged
from vsdeblur.readout.drift import LONGEST, SMALLEST, Drift, find_drift
from vsdeblur.readout.fit import Estimate, fit
from vsdeblur.shutter.clip import as_light, spots

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray

RUN = 12  # frames: several changes of direction of a hand
_FEWEST = 3  # frames, for motion to change


@torch.inference_mode()
def place_drift(light: Tensor, *, linear: bool = True) -> list[Drift]:
    """What a run of frames (n, C, h, w) tells, by its longest scene: one Drift, or none where that is too little."""
    if len(light) < _FEWEST or min(light.shape[-2:]) < SMALLEST:
        return []
    ends = [0, *sorted(find_cuts(light)), len(light)]
    first, last = max(pairwise(ends), key=lambda scene: scene[1] - scene[0])
    scale = -(-max(light.shape[-2:]) // LONGEST)
    if last - first < _FEWEST or min(light.shape[-2:]) // scale < SMALLEST:
        return []
    grey = averaged(light[first:last].float().cpu().mean(1, keepdim=True), scale)[:, 0]
    return [find_drift(grey, linear=linear)]


def clip_readout(light: Tensor, *, linear: bool = True) -> Estimate:
    """Of frames (N, C, H, W). linear: they are linear light, and not stored values taken as they are."""
    return fit(
        [drift for run in spots(len(light), RUN) for drift in place_drift(light[run.start : run.stop], linear=linear)]
    )


def estimate_readout(
    clip: vs.VideoNode | Tensor | NDArray[np.floating[Any]], transfer: str | None = None
) -> tuple[float, float]:
    """How long a rolling shutter takes from the first row to the last: (periods, in [0, 1), confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them. transfer: how values are
    stored; None means by the clip's props, and for tensors as they are ("linear"). Up to six runs of frames, spread
    over the clip and without those that repeat, are looked at: where the motion of the picture changes, the last rows
    show that later than the first (``vsdeblur/readout/fit.py``). Steady motion, a camera on a tripod, and stabilised
    footage do not tell: the confidence is then next to 0. What is below a confidence of 0.6 counts as no readout with
    ``readout="auto"``.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    import sys

    vapoursynth = sys.modules.get("vapoursynth")
    if vapoursynth is not None and isinstance(clip, vapoursynth.VideoNode):
        from vsdeblur.filters._vs_shutter import node_readout

        return node_readout(clip, transfer)
    light, linear = as_light(clip, transfer)
    return clip_readout(light, linear=linear)
