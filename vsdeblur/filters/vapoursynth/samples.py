"""Samples of a VapourSynth clip."""

from __future__ import annotations

import vapoursynth as vs

from vsdeblur.clip.repeats import distinct
from vsdeblur.clip.samples import ClipSample, sample_ranges
from vsdeblur.filters.vapoursynth.chunk import ClipFrame, decode, thumbnail_of
from vsdeblur.filters.vapoursynth.graph import check_format
from vsdeblur.filters.vapoursynth.props import colour_of, refuse_fields


def node_samples(clip: vs.VideoNode, transfer: str | None) -> list[ClipSample]:
    """Asks the clip for frames, so not for use inside callbacks. Raises InputError for interlaced frames."""
    check_format(clip)
    if clip.gpu_resident:
        clip = clip.std.GPUDownload()
    return [_sample(clip, run, transfer) for run in sample_ranges(clip.num_frames)]


def _sample(clip: vs.VideoNode, run: range, transfer: str | None) -> ClipSample:
    frames = [clip.get_frame(n) for n in run]
    for n, frame in zip(run, frames, strict=True):
        refuse_fields(frame.props, n)
    sources = []
    for k in distinct([thumbnail_of(frame) for frame in frames]):
        colour = colour_of(clip.format, clip.height, dict(frames[k].props), transfer)
        sources.append(ClipFrame(frames[k], colour, None))
    sample = ClipSample.of(decode(sources), linear=sources[0].colour.transfer != "linear")
    for frame in frames:
        frame.close()
    return sample
