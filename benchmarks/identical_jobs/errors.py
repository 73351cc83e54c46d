"""What is refused, and in which words, in each face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.scenes import film

SHARED: tuple[dict[str, Any], ...] = (
    {"factor": 17},
    {"factor": "fast"},
    {"factor": 0.5},
    {"shutter": 1.5},
    {"shutter": "1/60x"},
    {"shutter": "telemetry"},
    {"out_shutter": 2},
    {"readout": 1.0},
    {"readout": "soon"},
    {"transfer": "log"},
    {"preset": "slow"},
    {"prior": 3},
    {"prior": "no-such"},
    {"prior": "video:no-such-file"},
    {"flow": 3},
    {"flow": "no-such"},
    {"scene_cuts": "maybe"},
    {"scene_cuts": [-1]},
    {"device": "tpu"},
    {"max_memory": "lots"},
    {"max_memory": "1MiB"},
    {"max_memory": 0},
    {"solver": "magic"},
    {"solver": "unrolled:no-such-file"},
    {"mode": "both"},
    {"mode": "frame", "solver": "keyframes"},
    {"duplicates": "yes"},
)


def refusals(call: Callable[..., Any], arguments: tuple[dict[str, Any], ...]) -> Parts:
    """The last line of what each set of arguments raises, with its type."""
    for n, given in enumerate(arguments):
        label = f"{n} " + ", ".join(f"{name}={_short(value)}" for name, value in given.items())
        try:
            call(**given)
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            yield label, f"{type(error).__name__}: {lines[-1]}"
        else:
            yield label, "nothing raised"


def _short(value: Any) -> str:
    """Of an array or a clip the type alone."""
    return repr(value) if isinstance(value, str | int | float | list) else type(value).__name__


@job("errors/restore", quick=True)
def of_restore() -> Parts:
    from vsdeblur import restore

    video = film(2, (48, 48))
    more: tuple[dict[str, Any], ...] = (
        {"quadrature": "mean"},
        {"solver": "asap", "prior": "tv"},
        {"solver": "asap", "out_shutter": 0.5},
        {"solver": "asap", "mode": "auto"},
        {"v": video[0]},
        {"v": (video * 255).astype(np.uint8)},
        {"v": video * np.float32("nan")},
        {"v": video[:0]},
    )
    yield from refusals(lambda v=video, **given: restore(v, **given), SHARED + more)


@job("errors/vapoursynth")
def of_deblur() -> Parts:
    import vapoursynth as vs

    from vsdeblur import deblur

    clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=3)
    still = clip.std.AssumeFPS(fpsnum=25)
    fields = clip.std.SetFrameProps(_FieldBased=2)
    more: tuple[dict[str, Any], ...] = (
        {"transfer": "fit"},
        {"fps_num": 60},
        {"fps_num": 10, "fps_den": 1},
        {"fps_num": 0, "fps_den": 1},
        {"clip": "clip"},
        {"clip": vs.core.std.BlankClip(format=vs.GRAY32, length=1)},
        {"clip": vs.core.std.BlankClip(varsize=True)},
        {"clip": fields},
        {"clip": still, "readout": "90ms"},
    )
    yield from refusals(lambda clip=clip, **given: deblur(clip, **given).get_frame(0), SHARED + more)


@job("errors/pyav")
def of_deblur_frames() -> Parts:
    from identical_jobs.av_pictures import frames_of
    from vsdeblur.filters.pyav import deblur_frames

    video = film(3, (64, 48))
    more: tuple[dict[str, Any], ...] = (
        {"transfer": "fit"},
        {"fps": 0},
        {"fps": 10},
        {"fps": "fast"},
        {"readout": "auto"},
        {"unknown": 1},
    )
    yield from refusals(lambda **given: list(deblur_frames(frames_of(video, "yuv420p"), **given)), SHARED + more)


@job("errors/restore-frame")
def of_restore_frame() -> Parts:
    from vsdeblur.blind import restore_frame

    picture = film(1, (64, 64))[0]
    arguments: tuple[dict[str, Any], ...] = (
        {"frame": picture[0]},
        {"frame": picture[:2]},
        {"frame": picture * np.float32("nan")},
        {"transfer": "log"},
        {"estimator": "eyes"},
        {"estimator": "network:no-such-file"},
        {"deconvolver": "magic"},
        {"deconvolver": "unrolled:no-such-file"},
        {"deconvolver": "richardson-lucy", "prior": "tv"},
        {"prior": "no-such"},
        {"noise": -1.0},
        {"device": "tpu"},
        {"max_memory": "lots"},
        {"max_memory": "1MiB"},
    )
    yield from refusals(lambda frame=picture, **given: restore_frame(frame, **given), arguments)
