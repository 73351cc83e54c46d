"""The shutter and the readout of a VapourSynth clip, from places spread over it."""

from __future__ import annotations

from collections.abc import Iterator

import vapoursynth as vs
from torch import Tensor

from vsdeblur.engine.cuts import find_cuts
from vsdeblur.engine.repeats import distinct
from vsdeblur.engine.window import Window
from vsdeblur.filters._vs_chunk import Source, decode, thumbnail_of
from vsdeblur.filters._vs_props import colour_of, refuse_fields
from vsdeblur.filters.vapoursynth import check_format
from vsdeblur.readout.clip import RUN, place_drift
from vsdeblur.readout.fit import Estimate, fit
from vsdeblur.shutter.clip import Pooled, pool, spots
from vsdeblur.shutter.window import FRAMES, window_evidence


def node_shutter(clip: vs.VideoNode, transfer: str | None) -> Pooled:
    """Asks the clip for frames, so not for use inside callbacks. Raises InputError for interlaced frames."""
    places = []
    for light, linear in _places(clip, transfer, FRAMES):
        window = Window(light, 0, 0, len(light), light.shape[1], cuts=find_cuts(light))
        places.append(window_evidence(window, linear=linear))
    return pool(places)


def node_readout(clip: vs.VideoNode, transfer: str | None) -> Estimate:
    """As ``node_shutter``."""
    return fit([one for light, linear in _places(clip, transfer, RUN) for one in place_drift(light, linear=linear)])


def _places(clip: vs.VideoNode, transfer: str | None, run: int) -> Iterator[tuple[Tensor, bool]]:
    """Runs of frames (n, C, H, W), and whether they are linear light."""
    check_format(clip)
    if clip.gpu_resident:
        clip = clip.std.GPUDownload()
    for wanted in spots(clip.num_frames, run):
        frames = [clip.get_frame(n) for n in wanted]
        for n, frame in zip(wanted, frames, strict=True):
            refuse_fields(frame.props, n)
        sources = []
        for k in distinct([thumbnail_of(frame) for frame in frames]):
            colour = colour_of(clip.format, clip.height, dict(frames[k].props), transfer)
            sources.append(Source(wanted[k], frames[k], colour, None))
        light = decode(sources)
        for frame in frames:
            frame.close()
        yield light, sources[0].colour.transfer != "linear"
