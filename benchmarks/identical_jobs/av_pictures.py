"""Frames of PyAV made of arrays, and everything of a frame that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from identical_jobs import Parts
from identical_jobs.scenes import Array, halved, integers, stored, ycbcr

_LOW, _HIGH = 16 / 255, 235 / 255


def planes_of(video: Array, form: str) -> list[list[Array]]:
    """Linear frames (N, 3, H, W) as the planes of a pixel format; alpha is the mean, upside down."""
    shown = stored(video)
    alpha = integers(shown.mean(1)[:, ::-1], 8)
    if form in ("gray", "gray16le"):
        return [[plane] for plane in integers(shown.mean(1), 16 if form == "gray16le" else 8, _LOW, _HIGH)]
    if form == "rgba":
        colour = integers(shown, 8)
        return [[np.stack([*rgb, a], -1).reshape(a.shape[0], -1)] for rgb, a in zip(colour, alpha, strict=True)]
    if form == "gbrpf32le":
        return [[frame[k] for k in (1, 2, 0)] for frame in shown]
    bits = 10 if "10" in form else 8
    luma, blue, red = ycbcr(shown)
    chroma = [halved(plane) if "420" in form else plane for plane in (blue, red)]
    values = [integers(plane, bits) for plane in (luma, *chroma)]
    return [list(planes) for planes in zip(*values, *([alpha] if form.startswith("yuva") else []), strict=True)]


def frames_of(
    video: Array,
    form: str,
    pts: Sequence[int] | None = None,
    tick: Fraction = Fraction(1, 30),
    tags: tuple[int, int, int, int] | None = None,
) -> Iterator[Any]:
    """tags: primaries, transfer, matrix, range."""
    import av

    height, width = video.shape[-2:]
    for n, planes in enumerate(planes_of(video, form)):
        frame: Any = av.VideoFrame(width, height, form)
        for plane, values in zip(frame.planes, planes, strict=True):
            lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            data = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
            lines[: len(data), : data.shape[1]] = data
        frame.pts, frame.time_base = (n if pts is None else pts[n]), tick
        if tags:
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = tags
        yield frame


def frame_parts(label: str, frame: Any) -> Parts:
    """Its planes without padding, and its facts."""
    for k, plane in enumerate(frame.planes):
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
        data = np.ascontiguousarray(lines[:, : _row_bytes(frame, plane)])
        yield f"{label} plane {k}", data.view(f"{'f' if 'f32' in frame.format.name else 'u'}{_sample_bytes(frame)}")
    tags = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
    facts = (
        frame.format.name,
        frame.width,
        frame.height,
        frame.pts,
        str(frame.time_base),
        frame.duration,
        *map(int, tags),
    )
    yield f"{label} facts", repr(facts)


def _row_bytes(frame: Any, plane: Any) -> int:
    """Bytes of a line's pixels: of all components where these share one plane."""
    packed = len(frame.format.components) if len(frame.planes) == 1 else 1
    return int(plane.width * packed * _sample_bytes(frame))


def _sample_bytes(frame: Any) -> int:
    return int(-(-frame.format.components[0].bits // 8))
