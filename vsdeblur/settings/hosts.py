"""The settings of hosts: VapourSynth scripts, streams of frames, files."""

from __future__ import annotations

from typing import Annotated, TypedDict

from vsdeblur.settings import parse
from vsdeblur.settings.engine import EngineSettings, Named, Number, Quadrature
from vsdeblur.settings.setting import FIT, TELEMETRY, Extra, Setting
from vsdeblur.settings.transfers import KNOWN

PRESETS = ("fast", "balanced", "best")
DEFAULT_SHUTTER = 0.5  # where it is to be estimated, for clips that do not determine it: nothing moves


class ClipSettings(TypedDict, total=False):
    """What hosts take by name alone, and ``restore`` by position too."""

    shutter: Annotated[
        float | str | None,
        Setting(
            default=None,
            defaults={"restore": 1.0},
            parse=parse.shutter,
            timed=True,
            wanted='a fraction of the period in (0, 1], "180deg", "1/60s" or "auto"',
            summary="How long the shutter was open",
            values="0.5 (of the frame period), 180deg, 1/60s, auto",
            metavar="S",
            usual="auto",
            detail="The fraction of the frame period that the shutter is open, in (0, 1]; "
            '"180deg" and "1/60s" say the same. "1/60" is a time as well, as photographers write it, as are all such '
            'fractions up to "1/8". None and "auto" estimate it.',
            by_face={
                "deblur": "The estimate is of each chunk of frames and its neighbours, 0.5 where they do not determine "
                "it (``vsdeblur.estimate_shutter`` takes the whole clip). Where the clip's rate varies the exposure is "
                "constant in seconds.",
                "deblur_frames": "The estimate is of each chunk of frames and its neighbours, 0.5 where they do not "
                "determine it.",
                "transcode": "The estimate is the telemetry where there is any, else from places all over the file.",
                "restore": "The estimate is from the whole clip, 0.5 where nothing moves.",
            },
            extras={
                TELEMETRY: Extra(
                    ("transcode", "inspect"),
                    "with a file that is transcoded or inspected",
                    '"telemetry" is each frame\'s exposure time as the camera wrote it into the file.',
                )
            },
        ),
    ]
    transfer: Annotated[
        str | None,
        Setting(
            default=None,
            defaults={"restore": "linear", "image": "srgb"},
            parse=parse.optional(parse.transfer),
            wanted="{none} or one of " + KNOWN,
            summary="Transfer function",
            values="bt709, srgb, pq, slog3, response1.9 and others",
            metavar="NAME",
            usual="by the tags",
            detail='"linear", "bt709", "srgb", "gamma2.2", "pq", "hlg" ..., a camera\'s "slog3", "vlog", "logc3", '
            '"logc4", "applelog" or "protune", a scan\'s "cineon", or "response1.9" for a gamma that '
            "``vsdeblur.estimate_response`` found.",
            by_face={
                "deblur": "None is by the props.",
                "deblur_frames": "None is by the frames' tags.",
                "transcode": "None is by the file's tags.",
                "restore": '"linear" averages the values as they are.',
            },
            extras={
                FIT: Extra(
                    ("restore", "transcode"),
                    "with a file that is transcoded or with restore",
                    '"fit" is fitted to the whole clip; where that does not determine it, as by default.',
                    "vsdeblur.estimate_response finds that, once for a clip",
                )
            },
        ),
    ]
    preset: Annotated[
        str,
        Setting(
            default="balanced",
            parse=parse.choice(*PRESETS),
            wanted="one of " + ", ".join(PRESETS),
            choices=PRESETS,
            summary="Speed against quality",
            detail='"fast", "balanced" or "best".',
        ),
    ]
    flow: Annotated[
        Named,
        Setting(
            default=None,
            parse=parse.optional(parse.name_or_callable),
            wanted="{none}, a name or a callable",
            summary="Where motion comes from",
            values="dis, blur, ...",
            metavar="NAME",
            usual="by preset",
            detail='"dis", "blur", "blur:PATH", "paths", "paths:PATH", "ptlflow:NAME:PATH", "raft:PATH", "rife:PATH" '
            "or a callable flow(a, b) -> (2, H, W); None is by the preset.",
            by_face={
                "restore": "Or the true motion, a tensor (T - 1, 2, H, W), pixels, u_k -> u_{k+1}, which is used as it "
                "is, on all sub-frames of the clip at once, as if no frame were repeated and there were no cuts."
            },
        ),
    ]


class FpsFraction(TypedDict, total=False):
    """A frame rate as VapourSynth has it."""

    fps_num: Annotated[
        int | None,
        Setting(
            default=None,
            parse=parse.optional(parse.positive_integer),
            wanted="a positive integer",
            summary="Output frame rate instead of a factor, its numerator",
            detail="With fps_den the output's frame rate, in place of factor; the clip needs a rate.",
        ),
    ]
    fps_den: Annotated[
        int | None,
        Setting(
            default=None,
            parse=parse.optional(parse.positive_integer),
            wanted="a positive integer",
            summary="Output frame rate instead of a factor, its denominator",
            detail="See fps_num.",
        ),
    ]


class Fps(TypedDict, total=False):
    """A uniform grid of outputs."""

    fps: Annotated[
        Number | None,
        Setting(
            default=None,
            parse=parse.optional(parse.fps),
            wanted='a positive frame rate such as 60, 59.94 or "60000/1001"',
            summary="Output frame rate instead of a factor",
            values="120, 59.94, 60000/1001",
            metavar="RATE",
            detail="The output's frame rate instead of factor, on a uniform grid; 59.94 is 60000/1001.",
        ),
    ]


class Rate(TypedDict, total=False):
    """What is known of a stream."""

    rate: Annotated[
        Number | None,
        Setting(
            default=None,
            parse=parse.optional(parse.fps),
            wanted="the source's frame rate",
            summary="The source's frame rate",
            usual="by the first timestamps",
            detail="The source's frame rate, where it is known; None is by the first timestamps.",
        ),
    ]


class Progressive(TypedDict, total=False):
    """Whether flags of interlacing count."""

    progressive: Annotated[
        bool,
        Setting(
            default=False,
            parse=parse.boolean,
            wanted="True or False",
            summary="Take frames that are flagged as interlaced for progressive ones",
            detail="Take frames that are flagged as interlaced for progressive ones: where only the flags are wrong.",
        ),
    ]


class HostSettings(ClipSettings, EngineSettings, total=False):
    """What every host takes by name."""


class ScriptSettings(HostSettings, FpsFraction, total=False):
    """The keyword arguments of ``vsdeblur.deblur``."""


class StreamSettings(HostSettings, Fps, Rate, Quadrature, Progressive, total=False):
    """The keyword arguments of ``vsdeblur.filters.pyav.deblur_frames``."""
