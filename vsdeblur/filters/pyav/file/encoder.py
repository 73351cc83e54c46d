"""Choosing and setting up the encoder: depth, colour tags, aspect, rotation and HDR metadata as in the source."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.codec
import av.error
from av.codec.context import Flags
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.format import Layout, closest, layout
from vsdeblur.filters.pyav.timeline import exact

# The default codec: H.264 where it plays everywhere (8 bits), HEVC beyond; both visually lossless.
DEFAULT_CODECS = {8: "libx264", 16: "libx265"}
WEBM_CODEC = "libvpx-vp9"
DEFAULT_CRF = {"libx264": 17, "libx265": 19, "libvpx-vp9": 24}
_X265_MIN_SIDE = 64  # x265 4 writes beyond its buffers for smaller pictures: heap corruption, seen at 48x32
_TAKE_CRF = ("libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx-vp9", "libaom-av1", "libvpx")
_CONSTANT_RATE = ("mpeg4", "msmpeg4v3", "msmpeg4v2", "mpeg2video", "mpeg1video", "h263", "h263p", "flv")
_SHOW_ASPECT = re.compile(r"libx26[45]|(h264|hevc)_.*|mpeg[12]video|mpeg4|mjpeg")  # in the bitstream itself
_DYNAMIC = {
    Type.DYNAMIC_HDR_PLUS: "HDR10+",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid",
    Type.DOVI_METADATA: "Dolby Vision",
    Type.DOVI_RPU_BUFFER: "Dolby Vision",
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """A checked choice: codec name, the pixel format that it will be fed, and its options."""

    codec: str
    target: Layout
    options: dict[str, str] = field(default_factory=dict)

    @property
    def constant_rate(self) -> bool:
        """Whether the codec can only count frames, and cannot hold a fine time base."""
        return self.codec in _CONSTANT_RATE


def choose_encoder(
    frame: av.VideoFrame,
    container: str,
    codec: str | None,
    crf: float | None,
    options: Mapping[str, object],
    warn: Callable[[str], None],
) -> Encoder:
    """The encoder for frames like ``frame``. Raises ArgumentError for a codec or crf that cannot be had."""
    source = layout(frame.format.name)
    tiny = min(frame.width, frame.height) < _X265_MIN_SIDE
    deep = source.bits > 8 and not tiny
    usual = WEBM_CODEC if container == "webm" else DEFAULT_CODECS[16 if deep else 8]
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
    target = closest(source.name, _usable(found, source, frame.width, frame.height))
    if target != source:
        _warn_of_losses(source, target, name, warn)
    settings = {str(key): str(value) for key, value in options.items()}
    if crf is not None:
        if name not in _TAKE_CRF:
            raise ArgumentError("crf", crf, f"left out for {name}, which has none (use encoder_options)")
        if isinstance(crf, bool) or not isinstance(crf, int | float) or not 0 <= crf <= 63:
            raise ArgumentError("crf", crf, "a number from 0 to 63")
        settings["crf"] = f"{crf:g}"
    elif name in DEFAULT_CRF and not {"crf", "b", "qp"} & settings.keys():
        settings["crf"] = str(DEFAULT_CRF[name])
    if name.startswith("libvpx") and "crf" in settings:
        settings.setdefault("b", "0")
    _add_hdr(settings, frame, name, warn)
    return Encoder(name, target, settings)


def add_stream(
    output: Any, encoder: Encoder, sample: av.VideoFrame, source: Source, tick: Fraction, rate: Fraction
) -> VideoStream:
    """Add the video stream to an output. ``sample`` is a frame as the encoder will get it, ``rate`` the nominal one."""
    try:
        stream = output.add_stream(encoder.codec, rate=rate.limit_denominator(1_000_000), options=encoder.options)
    except (ValueError, av.error.FFmpegError) as error:
        raise DeblurError(f"{encoder.codec} in {output.format.name} is not possible: {reason(error)}") from None
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = sample.width, sample.height, encoder.target.name
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


def _usable(codec: av.codec.Codec, source: Layout, width: int, height: int) -> list[str]:
    """The pixel formats in which a codec can hold the picture; x264 and x265 want sides that the chroma divides."""
    names = [form.name for form in codec.video_formats or ()] or [source.name]
    if codec.name not in ("libx264", "libx265"):
        return names
    return [name for name in names if not (width % (1 << (form := layout(name)).sub_w) or height % (1 << form.sub_h))]


def check_aspect(source: Source, encoder: Encoder, container: str, warn: Callable[[str], None]) -> None:
    """Say where the sample aspect ratio gets lost: PyAV cannot set the field from which Matroska and AVI take it."""
    aspect = exact(source.video.sample_aspect_ratio)
    if aspect in (0, 1) or container in ("mp4", "mov", "ipod") or _SHOW_ASPECT.fullmatch(encoder.codec):
        return
    ratio = f"{aspect.numerator}:{aspect.denominator}"
    warn(f"the sample aspect ratio {ratio} is lost in {container} with {encoder.codec}: mp4 or libx264 would keep it")


def _warn_of_losses(source: Layout, target: Layout, codec: str, warn: Callable[[str], None]) -> None:
    lost = []
    if source.has_alpha and not target.has_alpha:
        lost.append("its alpha is dropped")
    if target.bits < source.bits and not (source.is_float and target.bits >= 12):
        lost.append(f"{source.bits} bits become {target.bits}")
    if (target.sub_w, target.sub_h, target.family) != (source.sub_w, source.sub_h, source.family):
        lost.append("the colour is converted")
    if lost:
        warn(f"{codec} takes {target.name} instead of {source.name}: {', '.join(lost)}")


def _add_hdr(settings: dict[str, str], frame: av.VideoFrame, codec: str, warn: Callable[[str], None]) -> None:
    """Pass HDR10's static metadata through the encoder's own parameters; say which metadata is lost."""
    side_data = {kind: bytes(frame.side_data[kind]) for kind in frame.side_data}
    for name in sorted({_DYNAMIC[kind] for kind in side_data.keys() & _DYNAMIC.keys()}):
        warn(f"the dynamic metadata of {name} is dropped: it cannot be carried to new frames")
    mastering = side_data.get(Type.MASTERING_DISPLAY_METADATA)
    light = side_data.get(Type.CONTENT_LIGHT_LEVEL)
    if codec == "libx265":
        extra = ["log-level=error"]
        extra += [f"master-display={_mastering(mastering, 50_000, 10_000)}"] if mastering else []
        extra += ["max-cll={},{}".format(*struct.unpack_from("2I", light))] if light else []
        _append(settings, "x265-params", extra)
    elif codec == "libx264":
        extra = [f"mastering-display={_mastering(mastering, 50_000, 10_000)}"] if mastering else []
        extra += ["cll={},{}".format(*struct.unpack_from("2I", light))] if light else []
        _append(settings, "x264-params", extra)
    elif codec == "libsvtav1":
        extra = [f"mastering-display={_mastering(mastering, None, None)}"] if mastering else []
        extra += ["content-light={},{}".format(*struct.unpack_from("2I", light))] if light else []
        _append(settings, "svtav1-params", extra)
    elif mastering or light:
        warn(f"the HDR10 metadata is dropped: it can be kept with libx264, libx265 and libsvtav1, not with {codec}")


def _append(settings: dict[str, str], name: str, extra: list[str]) -> None:
    given = [settings[name]] if settings.get(name) else []
    known = {part.split("=")[0] for text in given for part in text.split(":")}
    parts = [part for part in extra if part.split("=")[0] not in known] + given
    if parts:
        settings[name] = ":".join(parts)


def _mastering(data: bytes, chroma_unit: int | None, light_unit: int | None) -> str:
    """AVMasteringDisplayMetadata as the encoders write it, in integer units or (None) plain numbers."""
    numbers = struct.unpack_from("20i", data)
    values = [Fraction(a, b) if b else Fraction(0) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]

    def text(value: Fraction, unit: int | None) -> str:
        return str(round(value * unit)) if unit else f"{float(value):.6g}"

    red, green, blue, white = (
        ",".join(text(value, chroma_unit) for value in values[i : i + 2]) for i in range(0, 8, 2)
    )
    darkest, brightest = (text(value, light_unit) for value in values[8:10])
    return f"G({green})B({blue})R({red})WP({white})L({brightest},{darkest})"
