"""``deblur_frames``: pixel formats, tags, timestamps, changes in mid-stream."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Any

from identical_jobs import Parts, job
from identical_jobs.av_pictures import frame_parts, frames_of
from identical_jobs.scenes import Array, film

HDR = (9, 16, 9, 1)  # BT.2020 primaries, PQ, BT.2020 matrix, limited range


def restored(frames: Any, **options: Any) -> Parts:
    from vsdeblur.filters.pyav import deblur_frames

    chosen: dict[str, Any] = {"shutter": 0.5, "preset": "fast"} | options
    if "fps" not in chosen:
        chosen = {"factor": 2} | chosen
    for n, frame in enumerate(deblur_frames(frames, **chosen)):
        yield from frame_parts(f"frame {n}", frame)


@job("pyav/yuv420p", quick=True, form="yuv420p")
@job("pyav/yuv420p10-hdr", form="yuv420p10le", tags=HDR, preset="balanced")
@job("pyav/gray", form="gray")
@job("pyav/rgba", form="rgba")
@job("pyav/yuva420p", form="yuva420p")
@job("pyav/gbrpf32", form="gbrpf32le")
@job("pyav/fps", form="yuv420p", fps="59.94")
@job("pyav/5:2-readout", form="yuv420p", factor="5/2", readout=0.4)
@job("pyav/shutter-time", form="yuv420p", shutter="1/60s", readout="8ms")
@job("pyav/auto-shutter", form="yuv420p", shutter="auto", preset="balanced")
@job("pyav/factor-1", form="yuv420p", factor=1)
def formats(form: str, tags: Any = None, **options: Any) -> Parts:
    yield from restored(frames_of(film(5), form, tags=tags), **options)


UNEVEN = (0, 40, 79, 165, 180, 240, 281)  # milliseconds


@job("pyav/vfr", factor=2)
@job("pyav/vfr-5:2", factor="5/2")
@job("pyav/vfr-fps", fps=50)
def variable(**options: Any) -> Parts:
    yield from restored(frames_of(film(7), "yuv420p", UNEVEN, Fraction(1, 1000)), **options)


def repeated() -> Array:
    return film(6)[[0, 0, 1, 2, 2, 2, 3, 4, 4, 5]]


@job("pyav/repeats", quick=True)
@job("pyav/repeats-kept", duplicates=False)
@job("pyav/repeats-fps", fps=60)
@job("pyav/repeats-readout", readout=0.3)
def repeats(**options: Any) -> Parts:
    yield from restored(frames_of(repeated(), "yuv420p"), **options)


@job("pyav/cuts", scene_cuts=True)
@job("pyav/cuts-given", scene_cuts=[2, 5])
def cuts(**options: Any) -> Parts:
    yield from restored(frames_of(film(8, cuts=(3,)), "yuv420p"), **options)


@job("pyav/size-changes")
def size_changes() -> Parts:
    later = range(4, 8)
    frames = chain(frames_of(film(4), "yuv420p"), frames_of(film(4, (96, 72)), "yuv420p", later))
    yield from restored(frames)


@job("pyav/long")
def long() -> Parts:
    """Several chunks."""
    yield from restored(frames_of(film(20, (64, 48)), "yuv420p"))
