"""HDR metadata: the static ones of HDR10 through the encoder's own parameters; what is dynamic cannot be carried on."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.sidedata.sidedata import Type

_PROFILE, _COMPATIBLE = 2, 7  # bytes of the configuration of Dolby Vision


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters of an encoder that HDR10's metadata go into.

    Attributes:
        option: Whose value the parameters are.
        display: Name of the one for the mastering display.
        light: Name of the one for light levels.
        units: How many there are of chromaticities in 1, and of luminances in a candela per square metre; None where
            plain numbers are wanted.
        always: A further parameter.
    """

    option: str
    display: str
    light: str
    units: tuple[int, int] | None = (50_000, 10_000)
    always: tuple[str, ...] = ()


_ENCODERS = {
    "libx264": _Parameters("x264-params", "mastering-display", "cll"),
    "libx265": _Parameters("x265-params", "master-display", "max-cll", always=("log-level=error",)),
    "libsvtav1": _Parameters("svtav1-params", "mastering-display", "content-light", units=None),
}


def own_colours(stream: Any) -> str:
    """What is wrong with a video stream whose colours are Dolby Vision's own, in words; empty for others.

    Its configuration (AVDOVIDecoderConfigurationRecord) names what else its picture may be shown as: 0 for nothing.
    """
    data = stream.codec_context.coded_side_data.get("dovi_conf", b"")
    if len(data) < _COMPATIBLE + 1 or data[_COMPATIBLE]:
        return ""
    return (
        f"Dolby Vision profile {data[_PROFILE]} has colours of its own, which come out wrong: convert it to HDR10 "
        "first, with FFmpeg's filter libplacebo for instance"
    )


def add_hdr(settings: dict[str, str], frame: av.VideoFrame, codec: str) -> None:
    """Put HDR10's static metadata into the parameters of an encoder that has some for it."""
    names = _ENCODERS.get(codec)
    if names is None:
        return
    side_data = {kind: bytes(frame.side_data[kind]) for kind in frame.side_data}
    extra = list(names.always)
    if mastering := side_data.get(Type.MASTERING_DISPLAY_METADATA):
        extra.append(f"{names.display}={_mastering(mastering, *(names.units or (None, None)))}")
    if light := side_data.get(Type.CONTENT_LIGHT_LEVEL):
        extra.append("{}={},{}".format(names.light, *struct.unpack_from("2I", light)))
    _append(settings, names.option, extra)


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
