"""The shutter of a VapourSynth clip, from places spread over it."""

from __future__ import annotations

import vapoursynth as vs

from vsdeblur.engine.cuts import find_cuts
from vsdeblur.engine.window import Window
from vsdeblur.filters._vs_chunk import decode
from vsdeblur.filters._vs_props import colour_of, refuse_fields
from vsdeblur.filters.vapoursynth import check_format
from vsdeblur.shutter.clip import Pooled, pool, spots
from vsdeblur.shutter.window import window_evidence


def node_shutter(clip: vs.VideoNode, transfer: str | None) -> Pooled:
    """Asks the clip for frames, so not for use inside callbacks. Raises InputError for interlaced frames."""
    check_format(clip)
    if clip.gpu_resident:
        clip = clip.std.GPUDownload()
    places = []
    for wanted in spots(clip.num_frames):
        frames = [clip.get_frame(n) for n in wanted]
        for n, frame in zip(wanted, frames, strict=True):
            refuse_fields(frame.props, n)
        colours = [colour_of(clip.format, clip.height, dict(frame.props), transfer) for frame in frames]
        light = decode(frames, colours, [None] * len(frames))
        for frame in frames:
            frame.close()
        window = Window(light, 0, 0, len(light), light.shape[1], cuts=find_cuts(light))
        places.append(window_evidence(window, linear=colours[0].transfer != "linear"))
    return pool(places)
