"""Solving chunks of a VapourSynth clip: their windows' frames in, their output frames out, in the same format."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import vapoursynth as vs

from vsdeblur.clip.repeats import Thumbnail, thumbnail
from vsdeblur.colour.planes import Colour
from vsdeblur.engine.chunks import FrameSource, chunk_window
from vsdeblur.engine.grid import Grid, by_factor
from vsdeblur.engine.shared import engine_for
from vsdeblur.errors import DeblurError, InputError
from vsdeblur.filters.vapoursynth.props import ClipTiming, Props, WindowProps, alpha_colour, colour_of, refuse_fields
from vsdeblur.settings import Options
from vsdeblur.timing import shown_frame

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.engine.engine import Engine

log = logging.getLogger("vsdeblur")

_PLAYERS = 1 << 24  # frames: clips that are longer have no end, and the player remembers the last few alone
_ALLOCATED = 1.1  # times the bytes of its planes: what a frame of VapourSynth takes, sixty of 1080p 196 MiB


class ClipFrame(NamedTuple):
    """A frame of the clip, and how it holds its picture."""

    frame: vs.VideoFrame
    colour: Colour
    alpha: vs.VideoFrame | None


class ChunkSolver:
    """Knows the clip's format, rate and options; holds no node and no frame.

    Attributes:
        at_once: Chunks of a parcel, which are solved at once.

    Raises:
        DeblurError: For arguments, formats and budgets that the engine cannot honour.
    """

    def __init__(self, options: Options, fmt: vs.VideoFormat, width: int, height: int, timing: ClipTiming) -> None:
        self.options, self.fmt, self.timing = options, fmt, timing
        self.width, self.height = width, height
        self.colours = 1 if fmt.color_family == vs.GRAY else 3
        samples = sum(
            _shifted(width, fmt.subsampling_w, p) * _shifted(height, fmt.subsampling_h, p)
            for p in range(fmt.num_planes)
        )
        self.frame_bytes = int(_ALLOCATED * fmt.bytes_per_sample * samples)
        self._several = timing.total < _PLAYERS
        plan = self._engine(self.colours).plan
        self.grid, self.peak_bytes, self.budget = Grid.of(plan, options), plan.peak_bytes, plan.budget
        self.at_once = plan.chunk_workers

    @property
    def parcels(self) -> int:
        """The number of parcels of the clip."""
        return -(-self.grid.chunks(self.timing.total) // self.at_once)

    @property
    def length(self) -> int:
        """Frames of a parcel."""
        return self.at_once * self.grid.length

    @property
    def window_length(self) -> int:
        """Frames that a parcel away from the clip's ends is a function of."""
        return self.length + 2 * self.grid.reach

    def parcel_of(self, output: int) -> int:
        """The parcel that an output frame lies in."""
        return shown_frame(output, self.options.factor) // self.length

    def chunks(self, parcel: int) -> range:
        """The chunks of a parcel."""
        first = parcel * self.at_once
        return range(first, min(first + self.at_once, self.grid.chunks(self.timing.total)))

    def outputs(self, chunk: int) -> range:
        """The numbers of the output frames that come from a chunk."""
        return self.grid.chunk(chunk, self.timing.total).outputs(self.options.factor)

    def solve_parcel(self, parcel: int, around: Sequence[vs.VideoFrame]) -> dict[int, vs.VideoFrame | str]:
        """The output frames of a parcel, or what went wrong, in one line: all outputs of a chunk then fail with it.

        Args:
            parcel: Its number.
            around: Frames parcel * length - reach + (0 .. window_length - 1) of the clip; those before its start and
                after its end are not read.
        """
        from vsdeblur.streams import streamed_at_once

        def solved(chunk: int) -> Iterator[tuple[int, vs.VideoFrame | str]]:
            first = (chunk - parcel * self.at_once) * self.grid.length
            frames = around[first : first + self.grid.length + 2 * self.grid.reach]
            outputs, outcome = self.outputs(chunk), self._outcome(chunk, frames)
            for n, output in enumerate(outputs):
                yield output, outcome if isinstance(outcome, str) else outcome[n]

        return dict(streamed_at_once(solved, self.chunks(parcel), self.at_once))

    def _outcome(self, chunk: int, frames: Sequence[vs.VideoFrame]) -> list[vs.VideoFrame] | str:
        try:
            return self.solve(chunk, frames)
        except DeblurError as error:
            return str(error)
        except Exception as error:
            log.exception("chunk %d failed", chunk)
            return f"frames from {chunk * self.grid.length} on: {type(error).__name__}: {' '.join(str(error).split())}"

    def _engine(self, channels: int) -> Engine:
        size = self.height, self.width, channels, self.frame_bytes
        return engine_for(self.options, *size, chunks_at_once=self._several)

    def solve(self, chunk: int, around: Sequence[vs.VideoFrame]) -> list[vs.VideoFrame]:
        """The output frames of a chunk.

        Args:
            chunk: Its number.
            around: Frames from its first one less the reach on; those before the clip's start and after its end are not
                read.

        Raises:
            InputError: For frames that cannot be processed.
        """
        place, options = self.grid.chunk(chunk, self.timing.total), self.options
        frames = RequestedFrames(self, place.begin - self.grid.reach, around)
        part = chunk_window(place, frames, options, by_factor(options))
        engine = self._engine(part.window.frames.shape[1])
        props = frames.props(place.window)
        results = []
        for output, picture in part.restore(engine):
            frame = _encode(frames[shown_frame(output.number, options.factor)], picture, self.colours)
            props.write(frame.props, output.number, part.cuts)
            results.append(frame)
        return results


class RequestedFrames(FrameSource):
    """The frames that came with a request for a chunk."""

    def __init__(self, clip: ChunkSolver, start: int, frames: Sequence[vs.VideoFrame]) -> None:
        """start: the number in the clip of frames[0]."""
        self.clip, self.start, self.frames, self.colour = clip, start, frames, clip.colours
        self._known: dict[int, ClipFrame] = {}

    def __getitem__(self, number: int) -> ClipFrame:
        """Raises InputError for an interlaced frame and for alpha that does not fit."""
        if number not in self._known:
            clip, frame = self.clip, self.frames[number - self.start]
            known = dict(frame.props)
            refuse_fields(known, number)
            colour = colour_of(clip.fmt, clip.height, known, clip.options.transfer)
            self._known[number] = ClipFrame(frame, colour, _alpha(known, clip.width, clip.height, number))
        return self._known[number]

    def hold(self, frames: range) -> int:
        """See ``FrameSource``."""
        return self.clip.timing.total

    def light(self, frames: Sequence[int]) -> Tensor:
        """See ``FrameSource``."""
        return decode([self[n] for n in frames])

    def thumbnails(self, frames: range) -> list[Thumbnail]:
        """See ``FrameSource``."""
        return [thumbnail_of(self.frames[n - self.start]) for n in frames]

    def durations(self, frames: Sequence[int]) -> list[Fraction]:
        """See ``FrameSource``."""
        return self.props(frames).shown_for()

    def marked_cuts(self, frames: range) -> frozenset[int]:
        """See ``FrameSource``."""
        return self.props(frames).host_cuts()

    def props(self, frames: Sequence[int]) -> WindowProps:
        """The props of these frames."""
        known = [dict(self.frames[n - self.start].props) for n in frames]
        return WindowProps(frames[0], known, self.clip.options, self.clip.timing)


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


def decode(sources: Sequence[ClipFrame]) -> Tensor:
    """(n, C, H, W) linear light; alpha, where any frame has it, is one channel more, and opaque where one has none."""
    import torch

    like = sources[0]
    channels, with_alpha = like.colour.channels, any(source.alpha is not None for source in sources)
    out = torch.empty(len(sources), channels + with_alpha, like.frame.height, like.frame.width)
    for picture, (frame, colour, alpha) in zip(out, sources, strict=True):
        picture[:channels] = colour.decode(_planes(frame))
        picture[channels:] = 1.0 if alpha is None else alpha_colour(alpha.format).decode(_planes(alpha))
    return out


def thumbnail_of(frame: vs.VideoFrame) -> Thumbnail:
    """What repeats are recognised by: luma, or the mean of the colours, small."""
    fmt = frame.format
    peak = 1.0 if fmt.sample_type == vs.FLOAT else (1 << fmt.bits_per_sample) - 1
    return thumbnail(_planes(frame)[: 1 if fmt.color_family == vs.YUV else None], peak)


def _encode(source: ClipFrame, picture: Tensor, channels: int) -> vs.VideoFrame:
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
