"""Solving one chunk of a VapourSynth clip: its window's frames in, its output frames out, in the same format."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import vapoursynth as vs

from vsdeblur.colour.planes import Colour
from vsdeblur.engine.window import Window, window_bounds
from vsdeblur.errors import InputError
from vsdeblur.filters._engines import engine_for
from vsdeblur.filters._vs_props import Props, Timing, WindowProps, alpha_colour, colour_of, refuse_fields
from vsdeblur.options import Options
from vsdeblur.shutter.window import shutter_of
from vsdeblur.timing import first_shown, instant, output_count, shown_frame

if TYPE_CHECKING:
    from torch import Tensor


class ChunkSolver:
    """Knows the clip's format, rate and options; holds no node and no frame.

    Raises DeblurError for arguments, formats and budgets that the engine cannot honour.
    """

    def __init__(self, options: Options, fmt: vs.VideoFormat, width: int, height: int, timing: Timing) -> None:
        self.options, self.fmt, self.timing = options, fmt, timing
        self.width, self.height = width, height
        self.colours = 1 if fmt.color_family == vs.GRAY else 3
        self.frame_bytes = sum(
            fmt.bytes_per_sample * _shifted(width, fmt.subsampling_w, p) * _shifted(height, fmt.subsampling_h, p)
            for p in range(fmt.num_planes)
        )
        plan = engine_for(options, height, width, self.colours, self.frame_bytes).plan
        self.length, self.halo, self.peak_bytes, self.budget = plan.chunk, plan.halo, plan.peak_bytes, plan.budget

    @property
    def chunks(self) -> int:
        return -(-self.timing.total // self.length)

    @property
    def window_length(self) -> int:
        return self.length + 2 * self.halo

    def chunk_of(self, output: int) -> int:
        return shown_frame(output, self.options.factor) // self.length

    def outputs(self, chunk: int) -> range:
        """The numbers of the output frames that come from a chunk."""
        factor, total = self.options.factor, self.timing.total
        end = min((chunk + 1) * self.length, total)
        last = output_count(total, factor) if end == total else first_shown(end, factor)
        return range(first_shown(chunk * self.length, factor), last)

    def solve(self, chunk: int, around: Sequence[vs.VideoFrame]) -> list[vs.VideoFrame]:
        """The output frames of a chunk.

        around: frames chunk * length - halo + (0 .. window_length - 1) of the clip; those before its start and after
        its end are not looked at. Raises InputError for frames that cannot be processed.
        """
        start, stop, first, count = window_bounds(chunk, self.length, self.halo, self.timing.total)
        skip = start - (chunk * self.length - self.halo)
        frames = around[skip : skip + stop - start]
        props = WindowProps(start, [dict(frame.props) for frame in frames], self.options, self.timing)
        for number, known in enumerate(props.props, start):
            refuse_fields(known, number)
        colours = [colour_of(self.fmt, self.height, known, self.options.transfer) for known in props.props]
        alphas = [_alpha(known, self.width, self.height, n) for n, known in enumerate(props.props, start)]
        window = Window(decode(frames, colours, alphas), start, first, count, self.colours, props.given_cuts())
        engine = engine_for(self.options, self.height, self.width, window.frames.shape[1], self.frame_bytes)
        if self.options.uses_detector:
            window = dataclasses.replace(window, cuts=window.cuts | engine.find_cuts(window))
        durations, shutters = props.exposure(shutter_of(window, self.options))
        window = dataclasses.replace(window, durations=durations, shutters=shutters)
        outputs = self.outputs(chunk)
        instants = [self._instant(j, start, shutters) for j in outputs]
        results = []
        for j, picture in zip(outputs, engine.restore(window, instants), strict=True):
            n = shown_frame(j, self.options.factor) - start
            frame = _encode(frames[n], colours[n], alphas[n], picture, self.colours)
            props.write(frame.props, j, window.cuts)
            results.append(frame)
        return results

    def _instant(self, output: int, start: int, shutters: tuple[float, ...] | None) -> float:
        n = shown_frame(output, self.options.factor) - start
        shutter = shutters[n] if shutters else self.options.shutter
        return instant(output, self.options.factor, shutter, self.options.readout)


def _shifted(size: int, subsampling: int | None, plane: int) -> int:
    return size >> (subsampling or 0) if plane else size


def _alpha(props: Props, width: int, height: int, number: int) -> vs.VideoFrame | None:
    alpha = props.get("_Alpha")
    if not isinstance(alpha, vs.VideoFrame):
        return None
    if alpha.format.color_family != vs.GRAY or (alpha.width, alpha.height) != (width, height):
        raise InputError(
            f"_Alpha of frame {number} must be a grey frame of {width}x{height}, not {alpha.format.name}"
            f" of {alpha.width}x{alpha.height}"
        )
    return alpha


def decode(
    frames: Sequence[vs.VideoFrame], colours: Sequence[Colour], alphas: Sequence[vs.VideoFrame | None]
) -> Tensor:
    """(n, C, H, W) linear light; alpha, where any frame has it, is one channel more, and opaque where one has none."""
    import torch

    channels, with_alpha = colours[0].channels, any(alpha is not None for alpha in alphas)
    out = torch.empty(len(frames), channels + with_alpha, frames[0].height, frames[0].width)
    for picture, frame, colour, alpha in zip(out, frames, colours, alphas, strict=True):
        picture[:channels] = colour.decode(_planes(frame))
        picture[channels:] = 1.0 if alpha is None else alpha_colour(alpha.format).decode(_planes(alpha))
    return out


def _encode(
    source: vs.VideoFrame, colour: Colour, alpha: vs.VideoFrame | None, picture: Tensor, channels: int
) -> vs.VideoFrame:
    """A frame like ``source``, props included, that shows ``picture``."""
    frame = _filled(source, colour.encode(picture[:channels]))
    if alpha is not None:
        frame.props["_Alpha"] = _filled(alpha, alpha_colour(alpha.format).encode(picture[channels:]))
    return frame


def _filled(like: vs.VideoFrame, planes: Sequence[np.ndarray]) -> vs.VideoFrame:
    frame = like.copy()
    for target, plane in zip(_planes(frame), planes, strict=True):
        np.copyto(target, plane, casting="no")
    return frame


def _planes(frame: vs.VideoFrame) -> list[np.ndarray]:
    return [np.asarray(frame[p]) for p in range(frame.format.num_planes)]
