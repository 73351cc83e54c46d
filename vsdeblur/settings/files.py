"""The settings of files that are transcoded."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, TypedDict

from vsdeblur.settings import parse
from vsdeblur.settings.engine import Number
from vsdeblur.settings.hosts import Fps, HostSettings
from vsdeblur.settings.setting import Setting

_FLAG = "True or False"


class Coding(TypedDict, total=False):
    """What is read, and how it is written."""

    slow: Annotated[
        Number | None,
        Setting(
            default=None,
            parse=parse.optional(parse.factor),
            wanted=f'a number or a fraction such as "5/2" from 1 to {parse.MAX_FACTOR}',
            summary="Slow motion, N times as long, at the source's frame rate, without sound",
            metavar="N",
            detail="Slow motion by this factor at the source's rate: audio and data are dropped, subtitles and "
            "chapters stretched.",
        ),
    ]
    start: Annotated[
        float | str | Fraction | None,
        Setting(
            default=None,
            parse=parse.optional(parse.seconds(positive=False)),
            wanted='a time in seconds or "h:mm:ss.s"',
            summary="Begin here",
            values="seconds or hh:mm:ss.s",
            metavar="T",
            usual="the beginning",
            detail='Begin at this time: seconds or "h:mm:ss".',
        ),
    ]
    duration: Annotated[
        float | str | Fraction | None,
        Setting(
            default=None,
            parse=parse.optional(parse.seconds(positive=True)),
            wanted='a positive time in seconds or "h:mm:ss.s"',
            summary="Stop after this much of the source",
            values="seconds or hh:mm:ss.s",
            metavar="T",
            usual="to the end",
            detail="Stop after this much of the source.",
        ),
    ]
    codec: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.text),
            wanted="a video encoder of this FFmpeg, such as libx264, libx265 or ffv1",
            summary="Encoder",
            values="libx264, libx265, ffv1 and others of FFmpeg",
            metavar="NAME",
            usual="libx264 for 8 bits, libx265 for more, libvpx-vp9 in webm",
            detail="An FFmpeg encoder; None is libx264 for 8 bits, libx265 for more, libvpx-vp9 in webm, and y4m for "
            '"-" and .y4m.',
        ),
    ]
    crf: Annotated[
        float | None,
        Setting(
            default=None,
            parse=parse.optional(parse.number(0, 63)),
            wanted="a number from 0 to 63",
            summary="Quality of the encoder, smaller is better",
            values="0 to 63",
            metavar="N",
            usual="17 for libx264, 19 for libx265, 24 for libvpx-vp9",
            detail="The encoder's quality, smaller is better; None is 17 for libx264, 19 for libx265, 24 for "
            "libvpx-vp9.",
        ),
    ]
    encoder_options: Annotated[
        Mapping[str, object] | None,
        Setting(
            default=None,
            parse=parse.optional(parse.mapping),
            wanted='a dictionary such as {"tune": "film"}',
            summary="An option for the encoder, by FFmpeg's name; may be repeated",
            metavar="K=V",
            usual="none",
            detail="Further ones for the encoder, by FFmpeg's names.",
        ),
    ]
    overwrite: Annotated[
        bool,
        Setting(
            default=False,
            parse=parse.boolean,
            wanted=_FLAG,
            summary="Replace OUT if it exists",
            detail="Allow dst to exist.",
        ),
    ]
    resume: Annotated[
        bool,
        Setting(
            default=False,
            parse=parse.boolean,
            wanted=_FLAG,
            summary="Keep finished segments, and go on where the same command was interrupted",
            detail='Keep finished segments in "dst.vsdeblur-parts", and go on from them.',
        ),
    ]
    strict: Annotated[
        bool,
        Setting(
            default=False,
            parse=parse.boolean,
            wanted=_FLAG,
            summary="Stop at the first frame that cannot be decoded",
            detail="End at the first damaged frame instead of noting it.",
        ),
    ]


class FileSettings(HostSettings, Fps, Coding, total=False):
    """The keyword arguments of ``vsdeblur.filters.pyav.transcode``."""
