"""Choosing and setting up the encoder: depth, colour tags, aspect, rotation and HDR metadata as in the source."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.codec
import av.error
from av.codec.context import Flags
from av.video.stream import VideoStream

from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.hdr import add_hdr
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.format import Layout, layout, ranked_formats
from vsdeblur.filters.pyav.stamps import exact

# The default codec: H.264 where it plays everywhere (8 bits), HEVC beyond; both visually lossless.
DEFAULT_CODECS = {8: "libx264", 16: "libx265"}
CONTAINER_CODECS = {"webm": "libvpx-vp9", "gif": "gif", "apng": "apng", "webp": "libwebp_anim"}
DEFAULT_CRF = {"libx264": 17, "libx265": 19, "libvpx-vp9": 24}
_X265_MIN_SIDE = 64  # x265 4 writes beyond its buffers for smaller pictures: heap corruption, seen at 48x32
_TAKE_CRF = ("libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx-vp9", "libaom-av1", "libvpx")
_CONSTANT_RATE = ("mpeg4", "msmpeg4v3", "msmpeg4v2", "mpeg2video", "mpeg1video", "h263", "h263p", "flv")
# Of these few programs play anything but 4:2:0.
_FOR_PLAYERS = re.compile(r"libx26[45]|libvpx.*|.*av1.*|(h264|hevc)_.*")
_EVEN = re.compile(r"libx26[45]|(h264|hevc)_.*|mpeg4|mpeg[12]video|libsvtav1")
_LIMITED = 1  # AVCOL_RANGE
_TRIES = 8  # pixel formats that are tried


@dataclass(frozen=True, slots=True)
class Encoder:
    """A checked choice.

    Attributes:
        codec: Its name.
        target: The pixel format of the frames that it is fed.
        options: Its own ones.
        even: Whether it takes even sizes alone: an odd last row or column is left out.
        stored: The format that it gets of these frames, by its name, where that is another one.
    """

    codec: str
    target: Layout
    options: dict[str, str] = field(default_factory=dict)
    even: bool = False
    stored: str = ""

    def __str__(self) -> str:
        return f"{self.codec} with {self.stored or self.target.name}"

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height of what is encoded of frames like this."""
        return (frame.width & ~1, frame.height & ~1) if self.even else (frame.width, frame.height)

    @property
    def constant_rate(self) -> bool:
        """Whether the codec can only count frames, and cannot hold a fine time base."""
        return self.codec in _CONSTANT_RATE


def candidates(
    frame: av.VideoFrame,
    container: str,
    codec: str | None,
    crf: float | None,
    options: Mapping[str, object],
    pixel_format: str | None,
) -> list[Encoder]:
    """Encoders for frames like ``frame``, the one that loses least first; which of them work shows when they are tried.

    Raises ArgumentError for a codec, a format or a crf that cannot be had.
    """
    source = layout(frame.format.name)
    tiny = min(frame.width, frame.height) < _X265_MIN_SIDE
    deep = source.bits > 8 and not tiny
    usual = CONTAINER_CODECS.get(container, DEFAULT_CODECS[16 if deep else 8])
    name = usual if codec is None else codec
    if name == "libx265" and tiny:
        wanted = (
            f"another than libx265 below {_X265_MIN_SIDE} pixels, where it corrupts memory (libx264 has 10 bits too)"
        )
        raise ArgumentError("codec", name, wanted)
    try:
        found = av.codec.Codec(name, "w")
        if found.type != "video":
            raise ValueError
    except (av.error.FFmpegError, ValueError):
        raise ArgumentError("codec", name, "a video encoder of this FFmpeg, such as libx264, libx265 or ffv1") from None
    settings = {str(key): str(value) for key, value in options.items()}
    if crf is not None:
        if name not in _TAKE_CRF:
            raise ArgumentError("crf", crf, f"left out for {name}, which has none (use {{encoder_options}})")
        settings["crf"] = f"{crf:g}"
    elif name in DEFAULT_CRF and not {"crf", "b", "qp"} & settings.keys():
        settings["crf"] = str(DEFAULT_CRF[name])
    if name.startswith("libvpx") and "crf" in settings:
        settings.setdefault("b", "0")
    if name == "libvpx-vp9":
        settings.setdefault("auto-alt-ref", "0" if source.has_alpha else "1")  # which alpha does not allow
    add_hdr(settings, frame, name)
    formats = [form.name for form in found.video_formats or ()] or [source.name]
    if name == "gif":
        formats = ["pal8"]
    if pixel_format is not None:
        if pixel_format not in formats:
            raise ArgumentError("pixel_format", pixel_format, f"one of {', '.join(formats)} for {name}")
        formats = [pixel_format]
    if formats == ["pal8"]:  # palettes, one for each frame, are made of these
        return [Encoder(name, layout("bgra" if source.has_alpha else "rgb24"), settings, stored="pal8")]
    if (
        pixel_format is None
        and _FOR_PLAYERS.fullmatch(name)
        and not any(_is_sampled_as(form, source) for form in formats)
    ):
        formats = [form for form in formats if _is_420(form)] or formats
    even = bool(_EVEN.fullmatch(name))
    as_stored = source.name
    if as_stored.startswith("yuvj") and frame.color_range == _LIMITED:
        as_stored = as_stored.replace("yuvj", "yuv")
    ranked = ranked_formats(as_stored, formats)[:_TRIES]
    return [Encoder(name, form, settings, even=even and bool(form.sub_w or form.sub_h)) for form in ranked]


def _is_420(name: str) -> bool:
    return _is_sampled_as(name, layout("yuv420p"))


def _is_sampled_as(name: str, other: Layout) -> bool:
    """Whether a format has what another has at as many points; players know no RGB in these codecs."""
    try:
        form = layout(name)
    except InputError:
        return False
    same = (form.family, form.sub_w, form.sub_h) == (other.family, other.sub_w, other.sub_h)
    return same and form.family != "RGB"


def add_stream(
    output: Any, encoder: Encoder, sample: av.VideoFrame, source: Source, tick: Fraction, rate: Fraction
) -> VideoStream:
    """Add the video stream to an output. ``sample`` is a frame as the encoder will get it, ``rate`` the nominal one."""
    try:
        stream = output.add_stream(encoder.codec, rate=rate.limit_denominator(1_000_000), options=encoder.options)
    except (ValueError, av.error.FFmpegError) as error:
        raise DeblurError(f"{encoder.codec} in {output.format.name} is not possible: {reason(error)}") from None
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = sample.width, sample.height, encoder.stored or encoder.target.name
    context = stream.codec_context
    context.time_base = tick
    context.color_primaries, context.color_trc = sample.color_primaries, sample.color_trc
    context.colorspace, context.color_range = sample.colorspace, sample.color_range
    context.chroma_sample_location = sample.chroma_location
    context.flags |= int(Flags.frame_duration)
    aspect = exact(source.video.sample_aspect_ratio)
    if aspect:
        context.sample_aspect_ratio = aspect
    matrix = source.video.codec_context.coded_side_data.get("display_matrix")
    if matrix:
        stream.set_display_matrix(struct.unpack("9i", matrix))
    if context.codec.name in ("libx265", "hevc_nvenc") and output.format.name in ("mp4", "mov", "ipod"):
        context.codec_tag = "hvc1"  # the one of the two legal tags that Apple's players take
    return stream


def start(output: Any, stream: VideoStream, encoder: Encoder) -> None:
    """Open the encoder and write the header. Raises DeblurError with the encoder's or the container's complaint."""
    try:
        output.start_encoding()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DeblurError(f"cannot start {encoder.codec} in {output.format.name}: {reason(error)}") from None
    unknown = encoder.options.keys() & stream.codec_context.options.keys()
    if unknown:
        name = sorted(unknown)[0]
        raise ArgumentError("encoder_options", f"{name}={encoder.options[name]}", f"options that {encoder.codec} knows")


def format_losses(frame: av.VideoFrame, encoder: Encoder) -> list[str]:
    """What frames lose on the way into the encoder, in words."""
    source, target, lost = layout(frame.format.name), encoder.target, []
    takes = f"{encoder.codec} takes {encoder.stored or target.name} instead of {source.name}"
    if source.has_alpha and not target.has_alpha:
        lost.append(f"{takes}: its alpha is dropped")
    if target.bits < source.bits and not (source.is_float and target.bits >= 12):
        lost.append(f"{takes}: {source.bits} bits become {target.bits}")
    if (target.sub_w, target.sub_h, target.family) != (source.sub_w, source.sub_h, source.family):
        coarser = "colour becomes 4:2:0, which players take" if _is_420(target.name) else "the colour is converted"
        lost.append(f"{takes}: {coarser}")
    width, height = encoder.size(frame)
    if (width, height) != (frame.width, frame.height):
        lost.append(
            f"{encoder.codec} takes even sizes in {target.name}: {frame.width}x{frame.height} becomes {width}x{height}"
        )
    return lost
