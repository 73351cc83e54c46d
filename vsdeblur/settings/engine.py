"""The settings of the engine, which every face takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Annotated, Any, TypedDict

from vsdeblur.settings import parse
from vsdeblur.settings.setting import AUTO, TELEMETRY, Extra, Setting

Number = int | float | str | Fraction
Named = str | Callable[..., Any] | None

QUADRATURES = ("integral", "taps")
MODES = ("joint", "frame", "auto")


class EngineSettings(TypedDict, total=False):
    """What every face takes by name alone."""

    prior: Annotated[
        Named,
        Setting(
            default=AUTO,
            parse=parse.optional(parse.name_or_callable),
            wanted='"auto", "none", a name or a callable',
            summary="Prior on sharp video, for noise",
            values="auto, none, video, tv, ...",
            detail='"auto" is "video" in balanced and best where the noise exceeds 1.5/255, and none elsewhere. "tv", '
            '"video", "video:PATH", "internal", "fastdvdnet:PATH", "deepinv:NAME:PATH", "onnx:PATH", '
            '"torchscript:PATH" or a callable prior(u, sigma) -> u; "none", or None, is no prior.',
            defaults={"image": None},
        ),
    ]
    scene_cuts: Annotated[
        bool | str | Iterable[int],
        Setting(
            default=True,
            parse=parse.scene_cuts,
            wanted='True, False, "props" or a list of frame numbers',
            summary="Which frames open a scene",
            values="detected (on), none (off), the host's marks alone (props), or these frame numbers",
            metavar="on|off|props|N,N,...",
            usual="on",
            detail="True (own detector and the host's marks), False (none), \"props\" (the host's marks alone; none "
            "where the host has no marks), or a list of the numbers of the frames that open a scene.",
            by_face={
                "deblur": "The marks are the props _SceneChangePrev and _SceneChangeNext; the output carries both."
            },
        ),
    ]
    device: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.device),
            wanted='"cpu", "cuda", "cuda:0" or "mps"',
            summary="Where it is computed",
            values="cpu, cuda, cuda:0 or mps",
            metavar="NAME",
            usual="the best there is",
            detail='"cpu", "cuda", "cuda:0" or "mps"; None is the best there is.',
        ),
    ]
    max_memory: Annotated[
        int | str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.memory),
            wanted='a positive number of bytes or a size such as "4GiB"',
            summary="Memory budget",
            values="2GiB, 512MiB",
            metavar="SIZE",
            usual="half of the memory, 4GiB at most",
            detail='Bytes or a size such as "4GiB", for the device and, separately, for the frames that are held; None '
            "is half of what the device has, but no more than 4 GiB.",
        ),
    ]
    solver: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.solver),
            wanted='{none}, keyframes, unrolled, "unrolled:PATH" or admm',
            summary="How key frames are solved",
            values="unrolled (with learned steps), keyframes (without), unrolled:PATH, or admm (without motion)",
            usual="by preset",
            detail='"unrolled" takes learned steps after the solver\'s own and at every instant, "keyframes" takes '
            'none, "unrolled:PATH" takes them with your own weights, a file or a folder; None is by the preset ("best" '
            'takes both, "balanced" the former). "admm" solves for sub-frames by the exposures and a prior alone, '
            "without motion, for comparison.",
            extras={
                "asap": Extra(
                    ("restore",),
                    "with restore",
                    '"asap" continues from the preset\'s own solver with sub-frames and motion together, by the form '
                    "of the problem whose energy provably decreases (vsdeblur.solver.asap), without looking for "
                    "repeated frames or cuts; flow is that of the start.",
                )
            },
        ),
    ]
    out_shutter: Annotated[
        float | str,
        Setting(
            default=0,
            parse=parse.out_shutter,
            wanted='a fraction of the output period in [0, 1] or "180deg"; 0 leaves it sharp',
            summary="Blur the output again, over this part of its period",
            values="0.5 or 180deg; 0 leaves it sharp",
            metavar="S",
            detail='The part of an output\'s period that it is blurred over again, in [0, 1] or "180deg"; 0 leaves it '
            "sharp.",
        ),
    ]
    readout: Annotated[
        float | str,
        Setting(
            default=0,
            parse=parse.readout,
            timed=True,
            wanted='a fraction of the period in [0, 1) or a time shorter than it such as "16ms"; '
            "0 for a global shutter",
            summary="Rolling shutter, time from the first row to the last",
            values="0.6 (of the frame period), 16ms",
            metavar="R",
            detail="Of a rolling shutter, how much later than the first row the last one is exposed: a fraction of the "
            'period in [0, 1), "16ms" or "1/60s". The output is as a global shutter would record it; 0 is a global '
            "shutter.",
            extras={
                AUTO: Extra(
                    ("restore", "transcode"),
                    "with a file that is transcoded or with restore",
                    '"auto" estimates it from the whole clip, after telemetry where there is a file; 0 where the clip '
                    "does not determine it.",
                    "vsdeblur.estimate_readout finds it, once for a whole clip",
                ),
                TELEMETRY: Extra(
                    ("transcode",),
                    "with a file that is transcoded",
                    '"telemetry" is what the camera wrote into the file.',
                ),
            },
        ),
    ]
    mode: Annotated[
        str,
        Setting(
            default="joint",
            parse=parse.choice(*MODES),
            wanted="one of " + ", ".join(MODES),
            choices=MODES,
            summary="Restore neighbouring frames together (joint), each frame by itself (frame), or each place by "
            "whichever its motion allows (auto)",
            detail='"joint" solves neighbouring frames together; "frame" finds each frame\'s blur in that frame alone '
            "(with factor 1 no other frame is used; else the motion between the blurry frames places the others); "
            '"auto" is joint where the motion is reliable and accounts for the blur of the frame, and by frame '
            "elsewhere.",
        ),
    ]
    estimator: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.estimator),
            wanted="{none}, " + ", ".join(parse.ESTIMATORS) + ' or "em:PATH" and so on for a learned one',
            summary="What finds the blur of a frame by itself",
            values="path, em, blind-dps, ...",
            usual="path",
            detail="What finds the blur of a frame by itself, by the names that ``vsdeblur.blind.restore_frame`` has.",
        ),
    ]
    deconvolver: Annotated[
        str | None,
        Setting(
            default=None,
            parse=parse.optional(parse.deconvolver),
            wanted="{none}, " + ", ".join(parse.DECONVOLVERS) + ' or "unrolled:PATH" and so on for a learned one',
            summary="What restores a frame by itself",
            values="plug-and-play, dds, pigdm, ...",
            usual="plug-and-play",
            detail="What undoes the blur of a frame by itself, by the names that ``vsdeblur.blind.restore_frame`` has. "
            "Those that draw a sample draw the same noise for every frame of a clip.",
        ),
    ]
    duplicates: Annotated[
        bool,
        Setting(
            default=True,
            parse=parse.boolean,
            wanted="True (repeated frames are left out) or False",
            summary="Leave out frames that repeat the one before, or take every frame for an exposure of its own",
            detail="Frames that repeat the one before (24 in 30 frames a second, a camera that could not keep up) are "
            "found and left out, and time goes on evenly between the others; False takes every frame for an exposure "
            "of its own.",
        ),
    ]


class Factor(TypedDict, total=False):
    """What every face takes by position."""

    factor: Annotated[
        Number,
        Setting(
            default=1,
            parse=parse.factor,
            wanted=f'a number or a fraction such as "5/2" from 1 to {parse.MAX_FACTOR}',
            summary="Output frames per source frame",
            values='1 to 16, such as 4 or "5/2"',
            metavar="N",
            detail='Output frames per source frame, 1 to 16: int, Fraction, float or "5/2". Output j is stamped j / '
            "factor source periods and shows the instant (j + 1/2) / factor; with factor 1 the middle of the exposure.",
        ),
    ]


class Quadrature(TypedDict, total=False):
    """What an exposure is."""

    quadrature: Annotated[
        str,
        Setting(
            default="integral",
            parse=parse.choice(*QUADRATURES),
            wanted="one of " + ", ".join(QUADRATURES),
            choices=QUADRATURES,
            summary="What a blurry frame is: light that a shutter integrated, or the mean of sub-frames (taps)",
            detail='"integral" for light that a shutter integrated, "taps" for frames that are plain means of factor '
            "sub-frames a period.",
        ),
    ]
