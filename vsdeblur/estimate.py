"""How a clip was filmed, estimated from the clip: the only module that distinguishes the hosts that a clip is of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vsdeblur.calibration.readout.clip import clip_readout
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.shutter.clip import clip_shutter
from vsdeblur.calibration.shutter.fit import ShutterEstimate
from vsdeblur.clip.samples import ClipSample, tensor_samples

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray
    from torch import Tensor

    type Clip = vs.VideoNode | Tensor | NDArray[np.floating[Any]]


def estimate_shutter(clip: Clip, transfer: str | None = None) -> ShutterEstimate:
    """How long the shutter was open.

    Up to six samples of twelve frames, spread over the clip and without repeated frames, are pooled: the extent of the
    blur along the motion against the motion between frames (``vsdeblur/calibration/shutter/evidence.py``), read by a
    small network. It takes motion of at least 3 pixels per period.

    Args:
        clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them.
        transfer: how values are stored; None means by the clip's props, and for tensors linear values.

    Returns:
        The open fraction of the period in (0, 1], and the probability that the true one is within 0.1 of it. A clip
        without motion gives (0.5, 0.0); below a confidence of 0.1 the filters take 0.5.

    Raises:
        ArgumentError: for anything else than a clip or frames.

    Examples:
        >>> import torch
        >>> tuple(estimate_shutter(torch.zeros(5, 1, 48, 64)))
        (0.5, 0.0)
    """
    return clip_shutter(_samples(clip, transfer)).estimate


def estimate_readout(clip: Clip, transfer: str | None = None) -> tuple[float, float]:
    """How long a rolling shutter takes from the first row to the last.

    Where the motion of the picture changes, the last rows show that later than the first
    (``vsdeblur/calibration/readout/fit.py``). Steady motion, a camera on a tripod and stabilised footage leave it
    undetermined.

    Args:
        clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them.
        transfer: how values are stored; None means by the clip's props, and for tensors linear values.

    Returns:
        The readout in periods, [0, 1), and a confidence in [0, 1], next to 0 where it is undetermined. Below a
        confidence of 0.6 ``readout="auto"`` takes 0.

    Raises:
        ArgumentError: for anything else than a clip or frames.
    """
    return clip_readout(_samples(clip, transfer))


def estimate_response(clip: Clip) -> tuple[float, float]:
    """The response curve of a camera, for clips without (or with wrong) tags.

    Edges that motion has blurred are straight ramps in light, and bent ones in stored values
    (``vsdeblur/calibration/response/fit.py``).

    Args:
        clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them, values as they are
            stored.

    Returns:
        The gamma of ``transfer="responseX"`` in [1, 3] (``vsdeblur/colour/response.py``: 1 is linear light, 1.9 about
        "bt709", 2.2 "srgb"), and the probability that the true one is within 0.3 of it. A clip without such edges
        gives (1.0, 0.0); below a confidence of 0.5 ``transfer="fit"`` does not use it.

    Raises:
        ArgumentError: for anything else than a clip or frames.
    """
    return clip_response(_samples(clip, "linear"))


def _samples(clip: Clip, transfer: str | None) -> list[ClipSample]:
    vapoursynth = sys.modules.get("vapoursynth")
    if vapoursynth is not None and isinstance(clip, vapoursynth.VideoNode):
        from vsdeblur.filters.vapoursynth.samples import node_samples

        return node_samples(clip, transfer)
    return tensor_samples(clip, transfer)
