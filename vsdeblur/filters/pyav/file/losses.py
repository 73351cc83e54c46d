"""What a source has beside its pixels, and what of it an output would not have."""

from __future__ import annotations

from typing import Any

import av
from av.sidedata.sidedata import Type
from av.stream import Disposition

from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.file.tags import Tags, kept, kept_of_stream, lost_tags, placed
from vsdeblur.filters.pyav.format import Layout, layout
from vsdeblur.filters.pyav.stamps import exact

# Of streams, by PyAV's names, and of frames.
_STREAM_DATA = {
    "display_matrix": "the rotation",
    "spherical": "the projection (360-degree video)",
    "stereo_3d": "the stereo layout (3D)",
    "dovi_conf": "the configuration of Dolby Vision",
}
_FRAME_DATA = {
    Type.A53_CC: "the closed captions",
    Type.STEREO3D: "the stereo layout (3D)",
    Type.SPHERICAL: "the projection (360-degree video)",
    Type.MASTERING_DISPLAY_METADATA: "the HDR10 mastering metadata",
    Type.CONTENT_LIGHT_LEVEL: "the HDR10 light levels",
    Type.AMBIENT_VIEWING_ENVIRONMENT: "the ambient viewing environment",
    Type.DYNAMIC_HDR_PLUS: "the dynamic metadata of HDR10+",
    Type.DYNAMIC_HDR_VIVID: "the dynamic metadata of HDR Vivid",
    Type.DOVI_METADATA: "the dynamic metadata of Dolby Vision",
    Type.DOVI_RPU_BUFFER: "the dynamic metadata of Dolby Vision",
    Type.ICC_PROFILE: "the colour profile",
}
_UNKNOWN = (None, 0, 2)  # tags that say nothing


def picture_facts(stream: Any, frame: av.VideoFrame | None) -> set[str]:
    """What a player of a video stream looks at beside pixels, in words. frame: the first decoded one, if there is."""
    context = stream.codec_context
    facts = {words for name, words in _STREAM_DATA.items() if name in context.coded_side_data}
    aspect = exact(stream.sample_aspect_ratio)
    if aspect not in (0, 1):
        facts.add(f"the sample aspect ratio {aspect.numerator}:{aspect.denominator}")
    if frame is not None:
        if not frame.rotation:
            facts.discard("the rotation")
        facts |= frame_facts(frame)
        if frame.color_primaries not in _UNKNOWN:
            facts.add(f"the tag of its primaries ({int(frame.color_primaries)})")
        if frame.color_trc not in _UNKNOWN:
            facts.add(f"the tag of its transfer function ({int(frame.color_trc)})")
    return facts


def frame_facts(frame: av.VideoFrame) -> set[str]:
    """What a frame has beside its pixels that a player looks at, in words."""
    return {words for kind, words in _FRAME_DATA.items() if kind in frame.side_data.keys()}  # noqa: SIM118


def stream_facts(streams: Any) -> set[str]:
    """What other streams have beside their packets. They are counted by kind, since others may be left out."""
    covers = sum(bool(stream.disposition & Disposition.attached_pic) for stream in streams)
    facts = {f"the mark of picture {n} as a cover" for n in range(1, covers + 1)}
    sounds = [stream for stream in streams if stream.type == "audio"]
    for n, stream in enumerate(sounds, 1):
        layout_name = "" if stream.codec_context is None else stream.codec_context.layout.name
        if "ambisonic" in layout_name:
            facts.add(f"the layout {layout_name} of sound track {n}")
    return facts


def y4m_losses(source: Source, frame: av.VideoFrame, form: Layout) -> list[str]:
    """What y4m in a pixel format has no place for."""
    facts = [what for what in sorted(picture_facts(source.video, frame)) if "aspect" not in what]
    if source.container.chapters():
        facts.append("chapters")
    tags = placed(kept(source.container.metadata), [("video", kept_of_stream(source.video.metadata))])
    nothing: Tags = {}
    facts += lost_tags(tags, dict.fromkeys(tags, nothing))
    lost = [f"y4m has no place for {', '.join(facts)}"] if facts else []
    if len(source.container.streams) > 1:
        lost.append("y4m holds video alone: the other streams are left out")
    was = layout(frame.format.name)
    if was.has_alpha:
        lost.append("y4m has no place for alpha: it is dropped")
    if was.family == "RGB":
        lost.append(f"y4m has no RGB: {was.name} becomes {form.name}")
    return lost
