"""Solving one chunk of a VapourSynth clip: its window's frames in, its output frames out, in the same format."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import vapoursynth as vs

from vsdeblur.calibration.shutter.window import window_shutter
from vsdeblur.clip.cadence import REACH, Look, clip_numbers
from vsdeblur.clip.repeats import Thumbnail, thumbnail
from vsdeblur.colour.planes import Colour
from vsdeblur.engine.shared import engine_for
from vsdeblur.errors import InputError
from vsdeblur.filters.vapoursynth.props import Props, Timing, WindowProps, alpha_colour, colour_of, refuse_fields
from vsdeblur.options import Options
from vsdeblur.timing import first_shown, instant, output_count, shown_frame
from vsdeblur.window import Window, window_bounds

if TYPE_CHECKING:
    from torch import Tensor


class Source(NamedTuple):
    """A frame of the clip, and how it holds its picture."""

    number: int
    frame: vs.VideoFrame
    colour: Colour
    alpha: vs.VideoFrame | None


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
        self.reach = self.halo + (REACH if options.finds_repeats else 0)  # frames around a chunk that it asks for

    @property
    def chunks(self) -> int:
        return -(-self.timing.total // self.length)

    @property
    def window_length(self) -> int:
        return self.length + 2 * self.reach

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

        around: frames chunk * length - reach + (0 .. window_length - 1) of the clip; those before its start and after
        its end are not looked at. Raises InputError for frames that cannot be processed.
        """
        total, options = self.timing.total, self.options
        start, stop, first, count = window_bounds(chunk, self.length, self.reach, total)
        begin, end = start + first, start + first + count
        skip = start - (chunk * self.length - self.reach)
        reached = around[skip : skip + stop - start]
        shown = [
            self._read(reached[n - start], n) for n in range(max(begin - self.halo, start), min(end + self.halo, stop))
        ]
        props = self._props(shown[0].number, [one.frame for one in shown])
        look = self._look(reached, start, begin, end) if options.finds_repeats else None
        repeated = look is not None and bool(look.repeats)
        kept = shown
        if look is not None and repeated:
            kept = [self._read(reached[n - start], n) for n in look.kept]
        opening = kept[0].number
        window = Window(decode(kept), opening, begin - opening, count, self.colours)
        engine = engine_for(options, self.height, self.width, window.frames.shape[1], self.frame_bytes)
        found = engine.find_cuts(window) if options.uses_detector else frozenset()
        outputs = self.outputs(chunk)
        if look is not None and repeated:
            cuts = look.cuts | clip_numbers(look.kept, found)
            timed = look.timed(self._props(start, reached).lengths(), cuts)
            window = dataclasses.replace(window, cuts=timed.in_window(cuts))
            shutter = window_shutter(window, options)
            parts = {n: timed.shutter_shown(n, shutter, options) for n in range(begin, end)}
            instants = [timed.instant(self._instant(j, parts)) for j in outputs]
            window = timed.window(window, instants, shutter, options)
        else:
            cuts = props.given_cuts() | found
            window = dataclasses.replace(window, cuts=cuts)
            shutter = window_shutter(window, options)
            durations, shutters = props.exposure(shutter)
            window = dataclasses.replace(window, durations=durations, shutters=shutters)
            parts = {n: shutters[n - opening] if shutters else shutter for n in range(begin, end)}
            instants = [self._instant(j, parts) for j in outputs]
        results = []
        for j, picture in zip(outputs, engine.restore(window, instants), strict=True):
            source = shown[shown_frame(j, options.factor) - shown[0].number]
            frame = _encode(source, picture, self.colours)
            props.write(frame.props, j, cuts)
            results.append(frame)
        return results

    def _instant(self, output: int, shutters: Mapping[int, float]) -> float:
        """shutters: of each frame's own period."""
        shutter = shutters[shown_frame(output, self.options.factor)]
        return instant(output, self.options.factor, shutter, self.options.readout)

    def _read(self, frame: vs.VideoFrame, number: int) -> Source:
        known = dict(frame.props)
        refuse_fields(known, number)
        colour = colour_of(self.fmt, self.height, known, self.options.transfer)
        return Source(number, frame, colour, _alpha(known, self.width, self.height, number))

    def _props(self, start: int, frames: Sequence[vs.VideoFrame]) -> WindowProps:
        return WindowProps(start, [dict(frame.props) for frame in frames], self.options, self.timing)

    def _look(self, reached: Sequence[vs.VideoFrame], start: int, begin: int, end: int) -> Look:
        return Look(
            [thumbnail_of(frame) for frame in reached],
            start,
            begin,
            end,
            self.halo,
            opens=start == 0,
            closes=start + len(reached) == self.timing.total,
            cuts=self._props(start, reached).given_cuts(),
        )


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


def decode(sources: Sequence[Source]) -> Tensor:
    """(n, C, H, W) linear light; alpha, where any frame has it, is one channel more, and opaque where one has none."""
    import torch

    like = sources[0]
    channels, with_alpha = like.colour.channels, any(source.alpha is not None for source in sources)
    out = torch.empty(len(sources), channels + with_alpha, like.frame.height, like.frame.width)
    for picture, (_, frame, colour, alpha) in zip(out, sources, strict=True):
        picture[:channels] = colour.decode(_planes(frame))
        picture[channels:] = 1.0 if alpha is None else alpha_colour(alpha.format).decode(_planes(alpha))
    return out


def thumbnail_of(frame: vs.VideoFrame) -> Thumbnail:
    """What repeats are told by: luma, or the mean of the colours, small."""
    fmt = frame.format
    peak = 1.0 if fmt.sample_type == vs.FLOAT else (1 << fmt.bits_per_sample) - 1
    return thumbnail(_planes(frame)[: 1 if fmt.color_family == vs.YUV else None], peak)


def _encode(source: Source, picture: Tensor, channels: int) -> vs.VideoFrame:
    """A frame like ``source``, props included, that shows ``picture``."""
    frame, alpha = _filled(source.frame, source.colour.encode(picture[:channels])), source.alpha
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
