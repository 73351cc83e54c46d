"""The shutter of a whole clip: the evidence of windows spread over it, added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vsdeblur.engine.cuts import find_cuts
from vsdeblur.engine.window import Window
from vsdeblur.shutter.evidence import Evidence
from vsdeblur.shutter.fit import Estimate, fit
from vsdeblur.shutter.window import FRAMES, window_evidence
from vsdeblur.tensors import as_frames

if TYPE_CHECKING:
    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray

SPOTS = 6  # windows that a clip is looked at in
_SURE = 0.8  # confidence of a place that is heard against the others


@dataclass(frozen=True, slots=True)
class Pooled:
    """The shutter of a clip, and of each place that was looked at, in order, by itself."""

    estimate: Estimate
    places: tuple[Estimate, ...]

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest shutter of the places that are sure of theirs; None where none is."""
        sure = [place.shutter for place in self.places if place.confidence >= _SURE]
        return (min(sure), max(sure)) if sure else None


def pool(places: list[list[Evidence]]) -> Pooled:
    """One estimate from the evidence of several places."""
    return Pooled(fit([one for place in places for one in place]), tuple(fit(place) for place in places))


def spots(total: int, run: int = FRAMES) -> list[range]:
    """The frames to look at of ``total``: SPOTS runs of ``run`` frames, or all of them where there are no more."""
    if total <= SPOTS * run:
        return [range(start, min(start + run, total)) for start in range(0, total, run)]
    return [range(start, start + run) for start in (n * (total - run) // (SPOTS - 1) for n in range(SPOTS))]


def clip_shutter(light: Tensor, *, linear: bool = True) -> Estimate:
    """Of frames (N, C, H, W). linear: they are linear light, and not stored values taken as they are."""
    places = []
    for frames in spots(len(light)):
        part = light[frames.start : frames.stop]
        window = Window(part, 0, 0, len(part), light.shape[1], cuts=find_cuts(part))
        places.append(window_evidence(window, linear=linear))
    return pool(places).estimate


def estimate_shutter(
    clip: vs.VideoNode | Tensor | NDArray[np.floating[Any]], transfer: str | None = None
) -> tuple[float, float]:
    """How long the shutter was open, and how sure that is: (fraction of the period in (0, 1], confidence in [0, 1]).

    clip: a VapourSynth clip, or frames (N, C, H, W) as :func:`vsdeblur.restore` takes them. transfer: how values are
    stored; None means by the clip's props, and for tensors as they are ("linear"). The evidence of up to six places,
    spread over the clip, is pooled (frames that repeat the one before do not count): the extent of the blur along the
    motion against the motion between frames (``vsdeblur/shutter/evidence.py``), read by a small network. The confidence
    is how probable it is that the shutter lies within 0.1 of the estimate. It takes motion of at least 3 pixels per
    period; a clip without gives (0.5, 0.0), and what is below a confidence of 0.3 the filters take as 0.5.

    Raises ArgumentError for anything else than a clip or a tensor of frames.
    """
    import sys

    vapoursynth = sys.modules.get("vapoursynth")
    if vapoursynth is not None and isinstance(clip, vapoursynth.VideoNode):
        from vsdeblur.filters._vs_shutter import node_shutter

        return node_shutter(clip, transfer).estimate
    light, linear = as_light(clip, transfer)
    return clip_shutter(light, linear=linear)


def as_light(clip: Any, transfer: str | None) -> tuple[Tensor, bool]:
    """Frames (N, C, H, W) that a caller gave, without those that repeat the one before, and whether that is light."""
    from vsdeblur.colour.transfer import to_linear
    from vsdeblur.engine.repeats import distinct, thumbnails

    name = transfer or "linear"
    frames = as_frames(clip, "clip")
    frames = frames[distinct(thumbnails(frames))]
    return to_linear(frames.float().cpu().contiguous(), name), name != "linear"
