"""Clips to test the VapourSynth filter with, made of arrays; and an engine that only keeps a record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vapoursynth as vs

if TYPE_CHECKING:
    from vsdeblur.window import Window

core = vs.core
Picture = Callable[[int], Sequence[np.ndarray]]


def clip_of(
    fmt: Any,
    width: int,
    height: int,
    length: int,
    picture: Picture,
    props: Callable[[int], dict[str, Any]] | dict[str, Any] | None = None,
    fps: tuple[int, int] = (30, 1),
    asked: list[int] | None = None,
) -> vs.VideoNode:
    """A clip whose frame n has the planes picture(n) and the props; ``asked`` collects the frames that are made."""
    blank = core.std.BlankClip(
        width=width, height=height, format=fmt, length=length, keep=True, fpsnum=fps[0], fpsden=fps[1]
    )

    def make(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if asked is not None:
            asked.append(n)
        frame = f.copy()
        for p, plane in enumerate(picture(n)):
            np.copyto(np.asarray(frame[p]), plane, casting="unsafe")
        more = props(n) if callable(props) else props
        frame.props.update(more or {})
        return frame

    return blank.std.ModifyFrame(blank, make)


def shapes(fmt: vs.VideoFormat, width: int, height: int) -> list[tuple[int, int]]:
    w, h = fmt.subsampling_w or 0, fmt.subsampling_h or 0
    return [(height, width)] + [(height >> h, width >> w)] * (fmt.num_planes - 1)


def noise(fmt: vs.VideoFormat, width: int, height: int, seed: int = 0) -> list[np.ndarray]:
    """Planes with every value that the format can hold, nominal or not."""
    rng = np.random.default_rng(seed)
    if fmt.sample_type == vs.FLOAT:
        return [rng.uniform(-0.2, 1.2, s).astype(dtype_of(fmt)) for s in shapes(fmt, width, height)]
    return [rng.integers(0, 1 << fmt.bits_per_sample, s).astype(dtype_of(fmt)) for s in shapes(fmt, width, height)]


def dtype_of(fmt: vs.VideoFormat) -> np.dtype[Any]:
    kind = "f" if fmt.sample_type == vs.FLOAT else "u"
    return np.dtype(f"{kind}{fmt.bytes_per_sample}")


def moving(fmt: vs.VideoFormat, width: int, height: int) -> Picture:
    """A smooth pattern that slides to the right by two pixels a frame."""
    top = (1 << fmt.bits_per_sample) - 1 if fmt.sample_type == vs.INTEGER else 1

    def picture(n: int) -> list[np.ndarray]:
        planes = []
        for h, w in shapes(fmt, width, height):
            y, x = np.mgrid[0:h, 0:w].astype(np.float64)
            x = x * width / w - 2 * n
            wave = 0.5 + 0.2 * np.sin(x / 2.5) * np.cos(y / 3) + 0.1 * np.sin(x / 7 + y / 5)
            planes.append((wave * top).astype(dtype_of(fmt)))
        return planes

    return picture


def planes(frame: vs.VideoFrame) -> list[np.ndarray]:
    return [np.array(frame[p]) for p in range(frame.format.num_planes)]


def digest(frame: vs.VideoFrame) -> str:
    """Of the bytes and the props."""
    text = hashlib.sha256()
    for plane in planes(frame):
        text.update(plane.tobytes())
    text.update(repr(sorted(frame.props.items(), key=str)).encode())
    return text.hexdigest()


def props_of(clip: vs.VideoNode) -> list[dict[str, Any]]:
    return [dict(frame.props) for frame in clip.frames(close=True)]


@dataclass
class Record:
    """What the recording engine was asked, and what it should answer."""

    windows: list[Window] = field(default_factory=list)
    instants: list[list[float]] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    cuts: frozenset[int] = frozenset()
    error: Exception | None = None
    chunk: int = 4
    halo: int = 2
    change: Callable[[Any, float], Any] | None = None


def record_engine(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Put an engine in place that notes its windows and gives back the frame in whose period each instant lies."""
    from vsdeblur.engine import shared as _engines

    record = Record()

    class Recorder:
        def __init__(self, options: Any, height: int, width: int, channels: int = 3, **_: Any) -> None:
            record.channels.append(channels)
            plan = {"chunk": record.chunk, "halo": record.halo, "chunk_workers": 1}
            self.plan = SimpleNamespace(**plan, peak_bytes=0, budget=2**32)

        def restore(self, window: Window, instants: Sequence[float], **_: Any) -> Iterator[Any]:
            record.windows.append(window)
            record.instants.append(list(instants))
            if record.error:
                raise record.error
            for t in instants:
                picture = window.frames[int(t) - window.start].clone()
                yield record.change(picture, t) if record.change else picture

    def found(frames: Any, start: int = 0) -> frozenset[int]:
        return frozenset(n for n in record.cuts if start < n < start + len(frames))

    monkeypatch.setattr("vsdeblur.engine.chunks.find_cuts", found)
    monkeypatch.setattr(_engines, "Engine", Recorder)
    _engines._kept_engine.cache_clear()
    monkeypatch.setattr(_engines, "_kept_engine", Recorder)
    return record


def yuv(length: int = 10, fps: tuple[int, int] = (30, 1), props: Any = None, fmt: int = vs.YUV420P8) -> vs.VideoNode:
    return clip_of(fmt, 32, 24, length, moving(core.get_video_format(fmt), 32, 24), props, fps)


def vfr(durations: list[tuple[int, int] | None], **more: Any) -> vs.VideoNode:
    """A clip without a rate, whose frames tell their durations."""

    def props(n: int) -> dict[str, Any]:
        d = durations[n]
        return {**({"_DurationNum": d[0], "_DurationDen": d[1]} if d else {}), **more}

    return yuv(len(durations), (0, 0), props)


def count_solves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The chunks that are solved from now on, as often as they are."""
    from vsdeblur.filters.vapoursynth.chunk import ChunkSolver

    chunks: list[int] = []
    solve = ChunkSolver.solve

    def counted(self: Any, chunk: int, around: Any) -> Any:
        chunks.append(chunk)
        return solve(self, chunk, around)

    monkeypatch.setattr(ChunkSolver, "solve", counted)
    return chunks


def last_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    """VapourSynth puts a traceback before what a callback raised."""
    return str(error.value).strip().splitlines()[-1]
