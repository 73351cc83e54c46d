"""The settings of files that are transcoded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Annotated, TypedDict

from vsdeblur.settings import parse
from vsdeblur.settings.engine import Number
from vsdeblur.settings.hosts import Fps, HostSettings, Progressive
from vsdeblur.settings.setting import Setting
from vsdeblur.settings.transfers import MATRICES, PRIMARIES, RANGES

_FLAG = "True or False"


def _tag(names: Iterable[str], summary: str, detail: str) -> Setting:
    """The setting of a tag of colour, by its name."""
    choices = tuple(names)
    return Setting(
        default=None,
        parse=parse.optional(parse.choice(*choices)),
        wanted="{none} or one of " + ", ".join(choices),
        choices=choices,
        summary=summary,
        usual="by the tags",
        detail=detail,
    )


class Tagging(TypedDict, total=False):
    """What is known of a file better than it says."""

    source_fps: Annotated[
        Number | None,
        Setting(
            default=None,
            parse=parse.optional(parse.fps),
            wanted='a positive frame rate such as 60, 59.94 or "60000/1001"',
            summary="Frame rate of the source, whatever it states",
            values="24, 59.94, 60000/1001",
            metavar="RATE",
            usual="by the file and its timestamps",
            detail="The source's frames follow each other at this rate from the first one's time on, whatever their "
            "timestamps say: for image sequences, y4m and AVI with a wrong header. None is by the timestamps.",
        ),
    ]
    matrix: Annotated[
        str | None,
        _tag(
            MATRICES,
            "Matrix of the source's YUV values",
            "The matrix between the source's YUV values and RGB, in place of what its tag says; None is by the "
            "tag, the most plausible one where that cannot be.",
        ),
    ]
    range: Annotated[
        str | None,
        _tag(
            RANGES,
            "Range of the source's values",
            'Of the source\'s values, in place of what its tag says: "limited" (16 to 235 of 255) or "full".',
        ),
    ]
    primaries: Annotated[
        str | None,
        _tag(
            PRIMARIES,
            "Primaries of the source",
            "The source's primaries, in place of what its tag says. No value depends on them: they are the tag "
            "of the output.",
        ),
    ]


class GyroFile(TypedDict, total=False):
    """Where a gyroscope's samples lie that are not in the file itself."""

    gyro: Annotated[
        str | os.PathLike[str] | None,
        Setting(
            default=None,
            parse=parse.optional(os.fspath),
            wanted="the name of a Gyroflow project, a .gcsv log or a file with a gyroscope's samples",
            summary="A gyroscope's samples from a file of their own",
            values="clip.gyroflow, log.gcsv",
            metavar="FILE",
            usual="those in the file",
            detail="A Gyroflow project, a .gcsv log, or a file that telemetry-parser reads, in place of what the "
            "source has in it. Of a project only the samples are taken: how the gyroscope lies to the picture is found "
            "from the picture.",
        ),
    ]


class Reading(Tagging, Progressive, GyroFile, total=False):
    """What is read of a file, and how it is taken."""

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
    max_side: Annotated[
        int | None,
        Setting(
            default=None,
            parse=parse.optional(parse.pixels),
            wanted=f"a number of pixels from {parse.LEAST_SIDE} on",
            summary="Scale larger pictures down to this longer side first, for a quick look",
            values="480",
            metavar="PX",
            usual="the source's size",
            detail="Pixels of the longer side: larger pictures are scaled down before anything else, smaller ones "
            "stay. For a quick look at what the settings do: time goes with the number of pixels.",
        ),
    ]


class Coding(TypedDict, total=False):
    """How a file is written."""

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
            detail="An FFmpeg encoder; None is libx264 for 8 bits, libx265 for more, libvpx-vp9 in webm, the format's "
            'own for .gif, .apng and .webp, and y4m for "-" and .y4m.',
        ),
    ]
    pixel_format: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.text),
            wanted="a pixel format of the encoder, such as yuv420p or yuv444p10le",
            summary="Pixel format that is encoded",
            values="yuv420p, yuv422p10le, yuv444p and others of FFmpeg",
            metavar="NAME",
            usual="the source's or the nearest that the encoder has",
            detail="FFmpeg's name of the format that is encoded; None is the source's, or the nearest to it that the "
            "encoder has: 4:2:0 for RGB in H.264 and HEVC, since few programs play 4:4:4 of these.",
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
    segment: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.segment),
            wanted='a segment and their number, such as "3/8"',
            summary="Make one of N segments, each on any machine, for join",
            values="3/8",
            metavar="I/N",
            usual="the whole",
            detail='Make one segment of N, from "1/N" to "N/N", into "dst.vsdeblur-parts"; `join` joins them.',
        ),
    ]
    map: Annotated[
        str | os.PathLike[str] | None,
        Setting(
            default=None,
            parse=parse.optional(os.fspath),
            wanted="a file name that ends in .mp4, .mkv or .mov",
            summary="Also write a video of how each place was restored, in colours",
            metavar="FILE",
            usual="none",
            detail="A video of the outputs in grey, in whose colours one sees how each place was restored: sharpened, "
            "moved only because its motion is not certain, by itself, still, a light or an overlay. The shares of the "
            "picture are in the report. The guide for clips says which colour stands for what.",
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


class FileSettings(HostSettings, Fps, Reading, Coding, total=False):
    """The keyword arguments of ``vsdeblur.filters.pyav.transcode``."""
