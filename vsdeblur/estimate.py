"""How a clip was filmed, estimated from the clip: the only place that asks which host a clip is of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vsdeblur.calibration.readout.clip import clip_readout
from vsdeblur.calibration.response.clip import clip_response
from vsdeblur.calibration.shutter.clip import clip_shutter
from vsdeblur.clip.samples import Place, tensor_places

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray
    from torch import Tensor

    type Clip = vs.VideoNode | Tensor | NDArray[np.floating[Any]]


def estimate_shutter(clip: Clip, transfer: str | None = None) -> tuple[float, float]:
    """How long the shutter was open, and how sure that is: (fraction of the period in (0, 1], confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them. transfer: how values are
    stored; None means by the clip's props, and for tensors as they are ("linear"). The evidence of up to six places,
    spread over the clip, is pooled (frames that repeat the one before do not count): the extent of the blur along the
    motion against the motion between frames (``vsdeblur/calibration/shutter/evidence.py``), read by a small network.
    The confidence is how probable it is that the shutter lies within 0.1 of the estimate. It takes motion of at least 3
    pixels per period; a clip without gives (0.5, 0.0), and what is below a confidence of 0.1 the filters take as 0.5.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    return clip_shutter(_places(clip, transfer)).estimate


def estimate_readout(clip: Clip, transfer: str | None = None) -> tuple[float, float]:
    """How long a rolling shutter takes from the first row to the last: (periods, in [0, 1), confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them. transfer: how values are
    stored; None means by the clip's props, and for tensors as they are ("linear"). Up to six runs of frames, spread
    over the clip and without those that repeat, are looked at: where the motion of the picture changes, the last rows
    show that later than the first (``vsdeblur/calibration/readout/fit.py``). Steady motion, a camera on a tripod, and
    stabilised footage do not tell: the confidence is then next to 0. What is below a confidence of 0.6 counts as no
    readout with ``readout="auto"``.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    return clip_readout(_places(clip, transfer))


def estimate_response(clip: Clip) -> tuple[float, float]:
    """The response curve of a camera that does not tell: (gamma in [1, 3], confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them, values as they are stored.
    The gamma is that of ``transfer="responseX"`` (``vsdeblur/colour/response.py``): 1 is linear light, 1.9 about what
    "bt709" is, 2.2 "srgb". Up to six places, spread over the clip, are asked for edges that motion has blurred:
    straight ramps in light, bent ones in stored values. The confidence is how probable it is that the gamma is right to
    0.3; a clip without such edges gives (1.0, 0.0), and what is below a confidence of 0.5 is not used by
    ``transfer="fit"``.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    return clip_response(_places(clip, "linear"))


def _places(clip: Clip, transfer: str | None) -> list[Place]:
    vapoursynth = sys.modules.get("vapoursynth")
    if vapoursynth is not None and isinstance(clip, vapoursynth.VideoNode):
        from vsdeblur.filters.vapoursynth.samples import node_places

        return node_places(clip, transfer)
    return tensor_places(clip, transfer)
