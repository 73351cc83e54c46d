"""``vsdeblur.deblur`` in a VapourSynth core: formats, properties, timing, and frames asked for in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.scenes import Array, film, halved, integers, stored, ycbcr

Planes = list[Array]
Props = Callable[[int], dict[str, Any]]


def pictures(form: str, video: Array) -> list[Planes]:
    """Linear frames as the planes of a VapourSynth format."""
    if form == "RGBS":
        return [list(frame) for frame in stored(video)]
    if form == "GRAY8":
        return [[plane] for plane in integers(stored(video).mean(1), 8, 16 / 255, 235 / 255)]
    bits = int(form.partition("P")[2])
    luma, blue, red = ycbcr(stored(video))
    chroma = [halved(plane) if form.startswith("YUV420") else plane for plane in (blue, red)]
    return [list(planes) for planes in zip(*(integers(plane, bits) for plane in (luma, *chroma)), strict=True)]


def clip_of(form: str, frames: Sequence[Planes], props: Props = lambda n: {}, fps: tuple[int, int] = (30, 1)) -> Any:
    import vapoursynth as vs

    height, width = frames[0][0].shape
    blank = vs.core.std.BlankClip(
        width=width,
        height=height,
        format=getattr(vs, form),
        length=len(frames),
        fpsnum=fps[0],
        fpsden=fps[1],
        keep=True,
    )

    def paint(n: int, f: Any) -> Any:
        frame = f.copy()
        for k, plane in enumerate(frames[n]):
            np.copyto(np.asarray(frame[k]), plane)
        frame.props.update(props(n))
        return frame

    return blank.std.ModifyFrame(blank, paint)


def outputs(clip: Any, order: Sequence[int] | None = None) -> Parts:
    """Planes and properties of all frames, in order; asked for in ``order``."""
    asked = range(clip.num_frames) if order is None else order
    frames = {n: clip.get_frame(n) for n in asked}
    yield "clip", f"{clip.format.name} {clip.width}x{clip.height} {clip.num_frames} at {clip.fps}"
    for n in sorted(frames):
        yield from _frame_parts(f"frame {n}", frames[n])


def _frame_parts(label: str, frame: Any) -> Parts:
    for k in range(frame.format.num_planes):
        yield f"{label} plane {k}", np.array(frame[k])
    plain = {}
    for key, value in sorted(frame.props.items()):
        if hasattr(value, "format"):
            yield from _frame_parts(f"{label} {key}", value)
        else:
            plain[key] = value
    yield f"{label} props", repr(plain)


@job("vapoursynth/yuv420p8", quick=True, form="YUV420P8")
@job("vapoursynth/yuv444p16", form="YUV444P16")
@job("vapoursynth/rgbs", form="RGBS")
@job("vapoursynth/gray8", form="GRAY8")
@job("vapoursynth/frame-1", form="YUV420P8", factor=1, mode="frame", size=(64, 48), frames=1)
@job("vapoursynth/readout", form="YUV420P8", readout="10ms")
@job("vapoursynth/fps", form="YUV420P8", fps_num=75, fps_den=1)
@job("vapoursynth/out-shutter", form="YUV420P8", out_shutter="180deg", preset="fast")
@job("vapoursynth/balanced-auto", form="YUV420P8", shutter=None, preset="balanced")
def formats(form: str, size: tuple[int, int] = (128, 96), frames: int = 5, **options: Any) -> Parts:
    from vsdeblur import deblur

    given: dict[str, Any] = {} if options.get("mode") == "frame" else {"shutter": 0.5, "preset": "fast"}
    rate = {} if "fps_num" in options else {"factor": 2}
    chosen = rate | given | options
    yield from outputs(deblur(clip_of(form, pictures(form, film(frames, size))), **chosen))


@job("vapoursynth/tagged-alpha")
def alpha() -> Parts:
    import vapoursynth as vs

    from vsdeblur import deblur

    video = film(4)
    transparent = integers(film(4, seed=5, speed=3)[:, 0], 8)
    side = clip_of("GRAY8", [[plane] for plane in transparent])
    base = clip_of("YUV420P8", pictures("YUV420P8", video), lambda n: {"_Matrix": 6, "_Transfer": 13, "_Range": 1})
    clip = vs.core.std.ClipToProp(base, side, "_Alpha")
    yield from outputs(deblur(clip, 2, shutter=0.5, preset="fast"))


@job("vapoursynth/scene-props", scene_cuts="props")
@job("vapoursynth/scene-list", scene_cuts=[3])
@job("vapoursynth/scene-found", scene_cuts=True)
@job("vapoursynth/scene-none", scene_cuts=False)
def scenes(scene_cuts: Any) -> Parts:
    from vsdeblur import deblur

    def marks(n: int) -> dict[str, Any]:
        return {"_SceneChangePrev": int(n == 3), "_SceneChangeNext": int(n == 2), "_AbsoluteTime": n / 30}

    clip = clip_of("YUV420P8", pictures("YUV420P8", film(6, cuts=(3,))), marks)
    yield from outputs(deblur(clip, 2, shutter=0.5, preset="fast", scene_cuts=scene_cuts))


@job("vapoursynth/vfr", factor=2)
@job("vapoursynth/vfr-5:2", factor="5/2", preset="balanced")
def variable(factor: Any, preset: str = "fast") -> Parts:
    from vsdeblur import deblur

    durations = (1001, 1001, 2002, 500, 1500, 1001)

    def timed(n: int) -> dict[str, Any]:
        return {"_DurationNum": durations[n], "_DurationDen": 30_000, "_AbsoluteTime": sum(durations[:n]) / 30_000}

    clip = clip_of("YUV420P8", pictures("YUV420P8", film(6)), timed, (0, 1))
    yield from outputs(deblur(clip, factor, shutter=0.5, preset=preset))


@job("vapoursynth/repeats", quick=True)
@job("vapoursynth/repeats-kept", duplicates=False)
@job("vapoursynth/repeats-readout", readout=0.3)
def repeats(**options: Any) -> Parts:
    from vsdeblur import deblur

    frames = pictures("YUV420P8", film(6))
    clip = clip_of("YUV420P8", [frames[n] for n in (0, 0, 1, 2, 2, 2, 3, 4, 4, 5)])
    yield from outputs(deblur(clip, 2, shutter=0.5, preset="fast", **options))


@job("vapoursynth/shuffled")
def shuffled() -> Parts:
    from vsdeblur import deblur

    clip = deblur(clip_of("YUV420P8", pictures("YUV420P8", film(18, (64, 48)))), 2, shutter=0.5, preset="fast")
    yield from outputs(clip, np.random.default_rng(7).permutation(clip.num_frames).tolist())
