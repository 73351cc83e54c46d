"""How FFmpeg's pixel formats lay samples out in memory, for all of them that hold plain samples.

PyAV's ``to_ndarray`` reads a few dozen formats; the planes of the others are read here, by what the format's own
description and name say, so that p010, yuv444p10 or yuv440p12 need no conversion on the way in or out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av
import numpy as np

from vsdeblur.colour.planes import Family
from vsdeblur.errors import InputError

Plane = np.ndarray[Any, Any]

_PACKED = re.compile(r"([rgba0]{3,4}|ya)(?:\d+|f16|f32)?(?:le|be)?")
_FLOAT = re.compile(r".*f(?:16|32)(?:le|be)?")
_HIGH_BITS = re.compile(r"p[024]1\d(?:le|be)|.*msb(?:le|be)")  # samples sit in the upper bits of their words
_INSTEAD = (
    (r"pal8|rgb4.*|rgb5.*|rgb8|bgr4.*|bgr5.*|bgr8", "rgb24"),
    (r"mono[bw]", "gray"),
    (r"gray32.*", "grayf32le"),
    (r"bayer.*|xyz12.*|rgb96.*|x2.*", "rgb48le"),
    (r"rgba128.*", "rgba64le"),
    (r"gbrap32.*", "gbrapf32le"),
    (r"yuyv422|uyvy422|yvyu422|uyyvyy411", "yuv422p"),
    (r"y21.*", "yuv422p16le"),
    (r"vyu444|vuyx", "yuv444p"),
    (r"vuya|ayuv|uyva", "yuva444p"),
    (r"ayuv64.*", "yuva444p16le"),
    (r"v30x.*|xv.*", "yuv444p16le"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each component lies: ``places`` holds (plane, offset in samples) of Y, U, V or R, G, B or Y, then alpha."""

    name: str
    family: Family
    bits: int
    is_float: bool
    has_alpha: bool
    sub_w: int
    sub_h: int
    places: tuple[tuple[int, int], ...]
    steps: tuple[int, ...]  # samples from one pixel to the next, by plane
    shift: int
    dtype: str

    def read(self, frame: av.VideoFrame) -> list[Plane]:
        """The components of a frame, (h, w) each; views where the memory allows it."""
        planes = [self._samples(plane, step) for plane, step in zip(frame.planes, self.steps, strict=False)]
        native = "f" if self.is_float else "u"
        found = []
        for plane, offset in self.places:
            component = planes[plane][:, offset :: self.steps[plane]]
            if self.dtype[0] == ">":
                component = component.astype(native + self.dtype[2:])
            found.append(component >> self.shift if self.shift else component)
        return found

    def write(self, frame: av.VideoFrame, components: Sequence[Plane]) -> None:
        """Put components, (h, w) each, into a writable frame of this format."""
        planes = [self._samples(plane, step) for plane, step in zip(frame.planes, self.steps, strict=False)]
        for (plane, offset), component in zip(self.places, components, strict=True):
            planes[plane][:, offset :: self.steps[plane]] = component << self.shift if self.shift else component

    def _samples(self, plane: Any, step: int) -> Plane:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size))
        samples = rows[:, : plane.width * step * np.dtype(self.dtype).itemsize].view(self.dtype)
        return samples[::-1] if plane.line_size < 0 else samples


@lru_cache(maxsize=64)
def layout(name: str) -> Layout:
    """The layout of a pixel format by FFmpeg's name. Raises InputError, saying what to convert to, for the others."""
    fmt = av.VideoFormat(name, 64, 64)
    parts = fmt.components
    is_float = bool(_FLOAT.fullmatch(name))
    bits = parts[0].bits if parts else 0
    plain = parts and not (fmt.has_palette or fmt.is_bit_stream or fmt.is_bayer)
    if not plain or any(part.bits != bits for part in parts) or bits < 8 or (bits > 16 and not is_float):
        raise _unsupported(name)

    packed = _PACKED.fullmatch(name)
    numbers = [part.plane for part in parts]
    steps: tuple[int, ...] = (1,) * len(parts)
    if len(set(numbers)) == len(parts):
        places = tuple((number, 0) for number in numbers)
    elif numbers == [0, 1, 1]:
        places = ((0, 0), (1, 1), (1, 0)) if name in ("nv21", "nv42") else ((0, 0), (1, 0), (1, 1))
        steps = (1, 2)
    elif packed:
        letters = packed[1]
        places = tuple((0, letters.index(c)) for c in ("ya" if letters == "ya" else "rgba") if c in letters)
        steps = (len(letters),)
    else:
        raise _unsupported(name)

    size = bits // 8 if is_float else 1 if bits == 8 else 2
    order = ">" if fmt.is_big_endian else "<"
    family: Family = "YUV"
    if fmt.is_rgb or (packed and packed[1] != "ya"):
        family = "RGB"
    elif name.startswith(("gray", "ya")):
        family = "GRAY"
    return Layout(
        name=name,
        family=family,
        bits=bits,
        is_float=is_float,
        has_alpha=any(part.is_alpha for part in parts),
        sub_w=(64 // fmt.chroma_width(64)).bit_length() - 1 if family == "YUV" else 0,
        sub_h=(64 // fmt.chroma_height(64)).bit_length() - 1 if family == "YUV" else 0,
        places=places,
        steps=steps,
        shift=16 - bits if _HIGH_BITS.fullmatch(name) else 0,
        dtype=f"{order}{'f' if is_float else 'u'}{size}",
    )


def closest(name: str, supported: Sequence[str]) -> Layout:
    """The supported format that loses least of format ``name``. Raises InputError where there is none."""
    return ranked_formats(name, supported)[0]


def ranked_formats(name: str, supported: Sequence[str]) -> list[Layout]:
    """The supported formats, the one that loses least of ``name`` first. Raises InputError where there is none."""
    source = layout(name)
    candidates = []
    for other in supported:
        try:
            candidates.append(layout(other))
        except InputError:
            continue
    if not candidates:
        raise InputError(f"pixel format {name} has no counterpart among {', '.join(supported)}")
    return sorted(candidates, key=lambda candidate: (candidate.name != name, _loss(source, candidate)))


def _loss(source: Layout, other: Layout) -> tuple[int, ...]:
    families = {("RGB", "YUV"): 1, ("YUV", "RGB"): 2, ("GRAY", "YUV"): 1, ("GRAY", "RGB"): 2}
    family = 0 if source.family == other.family else families.get((source.family, other.family), 3)
    fewer = max(source.bits - other.bits, 0) + (source.is_float and not other.is_float)
    coarser = max(other.sub_w - source.sub_w, 0) + max(other.sub_h - source.sub_h, 0)
    finer = max(source.sub_w - other.sub_w, 0) + max(source.sub_h - other.sub_h, 0)
    return (
        family,
        source.has_alpha and not other.has_alpha,
        fewer,
        coarser,
        max(other.bits - source.bits, 0),
        finer,
        other.has_alpha and not source.has_alpha,
        other.name.startswith("yuvj") != source.name.startswith("yuvj"),
        len(other.places) - len(other.steps),
    )


def _unsupported(name: str) -> InputError:
    instead = next((good for pattern, good in _INSTEAD if re.fullmatch(pattern, name)), None)
    hint = f"convert to {instead} first" if instead else "bring the frames into memory as yuv420p or rgb24 first"
    return InputError(f"pixel format {name} is not supported: {hint}")
