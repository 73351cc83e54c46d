"""HDR metadata: the static ones of HDR10 through the encoder's own parameters; what is dynamic cannot be carried on."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
from av.sidedata.sidedata import Type


def add_hdr(settings: dict[str, str], frame: av.VideoFrame, codec: str) -> None:
    """Put HDR10's static metadata into the parameters of an encoder that has some for it."""
    side_data = {kind: bytes(frame.side_data[kind]) for kind in frame.side_data}
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
