"""What the filter sees in a file: streams, timing, colour, repeated frames, cuts, motion, plan and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from vsdeblur.errors import InputError
from vsdeblur.filters._av_colour import Converter
from vsdeblur.filters._timeline import exact
from vsdeblur.options import Options

if TYPE_CHECKING:
    from torch import Tensor

_SMALL = 320  # width at which cuts, repeats and motion are looked for
_PACKETS = 5000  # that timing is judged by
_KEPT = 12  # full-size frames that the time estimate is made from
_PAIRS = 24  # that motion is measured on
_SAME = 0.1  # mean difference in code values up to which a frame repeats the one before


@dataclass(frozen=True, slots=True)
class Stream:
    index: int
    kind: str
    codec: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Timing:
    """rate: frames per second. Durations are the gaps between timestamps, in milliseconds."""

    rate: Fraction | None
    variable: bool
    shortest_ms: float
    median_ms: float
    longest_ms: float
    seconds: float | None
    frames: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Size, format and colour of the first frame; ``assumed`` names the tags that were missing."""

    width: int
    height: int
    pixel_format: str
    matrix: str
    transfer: str
    full_range: bool
    chroma: str
    assumed: tuple[str, ...]
    interlaced: bool
    rotation: int


@dataclass(frozen=True, slots=True)
class Content:
    """Seen in the first ``frames`` frames. Motion is in pixels of the full size per frame period."""

    frames: int
    repeats: int
    cuts: tuple[int, ...]
    motion_median: float
    motion_95: float


@dataclass(frozen=True, slots=True)
class Work:
    """The memory plan, and the engine's time on this machine: per output megapixel, and for the whole file."""

    chunk: int
    halo: int
    peak_bytes: int
    seconds_per_megapixel: float | None
    output_frames: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Probe:
    path: str
    container: str
    streams: tuple[Stream, ...]
    timing: Timing
    picture: Picture
    content: Content
    work: Work

    def as_dict(self) -> dict[str, Any]:
        out = asdict(self)
        out["timing"]["rate"] = None if self.timing.rate is None else str(self.timing.rate)
        return out


def timing_of(path: Path) -> Timing:
    """Rate and timing by the packets, without decoding. Raises InputError."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        tick = exact(stream.time_base)
        times = []
        for packet in islice(container.demux(stream), _PACKETS):
            if packet.size and packet.pts is not None:
                times.append(packet.pts * tick)
        gaps = sorted(b - a for a, b in pairwise(sorted(times)) if b > a)
        rate = exact(stream.average_rate) or exact(stream.guessed_rate) or (1 / median(gaps) if gaps else Fraction(0))
        seconds = float(stream.duration * tick) if stream.duration and tick else None
        if seconds is None and container.duration:
            seconds = container.duration / av.time_base
        frames = stream.frames or (len(times) if len(times) < _PACKETS else None)
        middle = median(gaps) if gaps else (1 / rate if rate else Fraction(0))
        low, high = (gaps[0], gaps[-1]) if gaps else (middle, middle)
        return Timing(
            rate=rate or None,
            variable=bool(gaps) and high - low > 2 * tick + middle / 20,
            shortest_ms=float(1000 * low),
            median_ms=float(1000 * middle),
            longest_ms=float(1000 * high),
            seconds=seconds,
            frames=frames or (round(seconds * rate) if seconds and rate else None),
        )


def probe(path: Path, options: Options, frames: int = 240, measure: bool = True) -> Probe:
    """Look at a file: all of it by its packets, its first ``frames`` frames by their content.

    measure: also time the engine on a small piece. Raises InputError for a file without usable video.
    """
    timing = timing_of(path)
    with _opened(path) as container:
        streams = tuple(_stream(stream) for stream in container.streams)
        name = container.format.name
    kept: list[av.VideoFrame] = []
    content = _content(_decoded(path, frames, kept), options, kept)
    converter = Converter(kept[0], options.transfer)
    return Probe(
        str(path),
        name,
        streams,
        timing,
        _picture(kept[0], converter),
        content,
        _work(kept, converter, timing, options, measure),
    )


def time_estimate(path: Path, options: Options) -> float:
    """Seconds of the engine per output megapixel on this file's first frames."""
    kept: list[av.VideoFrame] = []
    deque(_decoded(path, _KEPT, kept), maxlen=0)
    return _measure(kept, Converter(kept[0], options.transfer), options)


def _opened(path: Path) -> Any:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: no video in this file")
    return container


def _decoded(path: Path, count: int, kept: list[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The first frames; ``kept`` receives the first few of them. A decode error ends the look, like the file's end."""
    with _opened(path) as container:
        try:
            for frame in islice(container.decode(video=0), count):
                if len(kept) < _KEPT and (not kept or (frame.width, frame.height) == (kept[0].width, kept[0].height)):
                    kept.append(frame)
                yield frame
        except av.error.FFmpegError as error:
            if not kept:
                raise InputError(f"{path}: no frame can be decoded: {error.strerror or error}") from None
    if not kept:
        raise InputError(f"{path}: no frame can be decoded")


def _content(frames: Iterator[av.VideoFrame], options: Options, kept: list[av.VideoFrame]) -> Content:
    small = np.stack([_reduced(frame, kept[0]) for frame in frames])
    gray = small.mean(axis=3)
    same = [float(np.abs(b - a).mean()) <= _SAME for a, b in pairwise(gray)]
    cuts = _cuts(small, options)
    motion = _motion(
        gray.astype(np.uint8), [n for n, repeated in enumerate(same) if not repeated and n + 1 not in cuts]
    )
    middle, most = (np.percentile(motion, (50, 95)) * kept[0].width / small.shape[2]) if motion.size else (0.0, 0.0)
    return Content(len(small), sum(same), tuple(sorted(cuts)), float(middle), float(most))


def _reduced(frame: av.VideoFrame, first: av.VideoFrame) -> npt.NDArray[np.uint8]:
    width = min(_SMALL, first.width)
    height = max(16, round(first.height * width / first.width))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def _cuts(small: npt.NDArray[np.uint8], options: Options, window: int = 32) -> frozenset[int]:
    """The engine's own detector over windows that share one frame, since a cut is a property of two."""
    import torch

    from vsdeblur.engine import Engine
    from vsdeblur.transfer import to_linear
    from vsdeblur.window import Window

    engine = Engine(options, *small.shape[1:3])
    found: frozenset[int] = frozenset()
    for start in range(0, max(len(small) - 1, 1), window):
        part = torch.from_numpy(small[start : start + window + 1]).permute(0, 3, 1, 2).float() / 255
        frames = to_linear(part, options.transfer or "bt709").contiguous()
        found |= engine.find_cuts(Window(frames, start, 0, len(frames)))
    return found


def _motion(gray: npt.NDArray[np.uint8], pairs: Sequence[int]) -> npt.NDArray[Any]:
    """Lengths of the flow between frames n and n + 1, for pairs spread over those given."""
    import cv2

    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    step = max(1, len(pairs) // _PAIRS)
    flows = [dis.calc(gray[n], gray[n + 1], None)[::4, ::4] for n in pairs[::step]]
    return np.linalg.norm(np.stack(flows), axis=-1) if flows else np.empty(0)


def _work(kept: Sequence[av.VideoFrame], converter: Converter, timing: Timing, options: Options, measure: bool) -> Work:
    from vsdeblur.engine import Engine
    from vsdeblur.timing import output_count

    height, width = kept[0].height, kept[0].width
    plan = Engine(options, height, width, converter.channels, host_bytes=converter.host_bytes).plan
    speed = _measure(kept, converter, options) if measure else None
    outputs = None if timing.frames is None else output_count(timing.frames, options.factor)
    seconds = None if speed is None or outputs is None else speed * outputs * height * width / 1e6
    return Work(plan.chunk, plan.halo, plan.peak_bytes, speed, outputs, seconds)


def _measure(kept: Sequence[av.VideoFrame], converter: Converter, options: Options) -> float:
    import torch

    from vsdeblur.estimate import seconds_per_megapixel

    frames: Tensor = torch.empty(len(kept), converter.channels, kept[0].height, kept[0].width)
    for out, frame in zip(frames, kept, strict=True):
        converter.decode(frame, out)
    return seconds_per_megapixel(frames[:, : converter.colours], options)


def _picture(frame: av.VideoFrame, converter: Converter) -> Picture:
    colour = converter.colour
    untagged = {
        "matrix": colour.family == "YUV" and frame.colorspace in (None, 2),
        "transfer": frame.color_trc in (None, 0, 2),
        "range": frame.color_range not in (1, 2) and not frame.format.name.startswith("yuvj"),
        "chroma": bool(colour.sub_w or colour.sub_h) and not frame.chroma_location,
    }
    return Picture(
        frame.width,
        frame.height,
        frame.format.name,
        colour.matrix,
        colour.transfer,
        colour.full_range,
        colour.chroma,
        tuple(name for name, missing in untagged.items() if missing),
        bool(frame.interlaced_frame),
        int(frame.rotation),
    )


def _stream(stream: Any) -> Stream:
    context = stream.codec_context
    detail = ""
    if stream.type == "audio":
        detail = f"{context.sample_rate} Hz, {context.layout.name}"
    elif stream.type == "video":
        detail = f"{context.width}x{context.height}, {context.pix_fmt}"
    return Stream(stream.index, stream.type, None if context is None else context.name, detail)
