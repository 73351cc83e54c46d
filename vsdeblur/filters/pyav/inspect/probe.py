"""What the filter sees in a file: streams, timing, colour, repeated frames, cuts, motion, plan and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median
from typing import Any

import av

from vsdeblur.engine.cost import FRAMES as WINDOW
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.source import Source, seconds
from vsdeblur.filters.pyav.inspect.content import Content, look_over
from vsdeblur.filters.pyav.inspect.cost import Grain, Work, noise_in, plan_for, plan_work, seconds_each
from vsdeblur.filters.pyav.inspect.gyro import about, find_alignment
from vsdeblur.filters.pyav.inspect.readout import FoundReadout, find_readout
from vsdeblur.filters.pyav.inspect.shutter import Found, find_shutter
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.timeline import ROUGHLY
from vsdeblur.options import AUTO, TELEMETRY, Options, parse_fps, parse_options
from vsdeblur.timing import output_count

_PACKETS = 5000  # that timing is judged by


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
class Probe:
    path: str
    options: Options
    shutter_from: str
    readout_from: str
    gyro: str
    container: str
    streams: tuple[Stream, ...]
    timing: Timing
    picture: Picture
    content: Content
    noise: Grain
    work: Work

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON: the rate and the factor as strings such as "30000/1001"."""
        parts = ("timing", "picture", "content", "noise", "work")
        out: dict[str, Any] = {"path": self.path, "container": self.container}
        out["streams"] = [asdict(stream) for stream in self.streams]
        out |= {name: asdict(getattr(self, name)) for name in parts}
        out["timing"]["rate"] = None if self.timing.rate is None else str(self.timing.rate)
        chosen = self.options
        return out | {
            "factor": str(chosen.factor),
            "shutter": chosen.shutter,
            "shutter_from": self.shutter_from,
            "readout": chosen.readout,
            "readout_from": self.readout_from,
            "gyro": self.gyro,
            "preset": chosen.preset,
        }


def probe(
    path: str, frames: int = 240, measure: bool = True, *, factor: Any = 1, fps: Any = None, **options: Any
) -> Probe:
    """Look at a file: its timing by its first packets, its first ``frames`` frames by their content.

    measure: also time the engine on a small piece. factor, fps and options: as in transcode. Raises InputError for a
    file without usable video, ArgumentError for arguments that do not fit it.
    """
    timing = _timing(path)
    survey = Survey(path, options.get("transfer"))
    rolling = find_readout(survey, options.get("readout", AUTO), timing.rate)
    chosen = _options(timing.rate, factor, fps, {**options, "readout": rolling.readout})
    found = find_shutter(survey, chosen, timing.rate, only_telemetry=options.get("shutter") == TELEMETRY)
    chosen = found.resolve(chosen)
    found_by = (found.source, rolling.source, about(find_alignment(survey)))
    kept: list[av.VideoFrame] = []
    middle = max(min(frames, timing.frames or 0) - WINDOW, 0) // 2
    with Source(path) as source:
        content = look_over(_kept(islice(source.frames(), frames), kept, middle), chosen, kept, timing.rate)
        streams = tuple(_stream(stream) for stream in source.container.streams)
        container = str(source.container.format.name)
    converter = Converter(kept[0], chosen.transfer)
    noise = noise_in(kept[0], converter)
    work = plan_work(kept, converter, timing.frames, chosen, measure)
    picture = _picture(kept[0], converter)
    return Probe(path, chosen, *found_by, container, streams, timing, picture, content, noise, work)


def estimate(
    path: str,
    *,
    factor: Any = 1,
    fps: Any = None,
    slow: Any = None,
    start: Any = None,
    duration: Any = None,
    **options: Any,
) -> tuple[int | None, float, Found, FoundReadout]:
    """(output frames, seconds for each, shutter, readout) of a transcode with these arguments, without the encoder.

    Raises as it would. The number of frames is None where the file does not say how long it is.
    """
    begin, length = seconds("start", start, positive=False), seconds("duration", duration, positive=True)
    with Source(path, start=begin, duration=length) as source:
        survey = Survey(path, options.get("transfer"), begin, length)
        rolling = find_readout(survey, options.get("readout", 0), source.rate)
        options["readout"] = rolling.readout
        chosen = _options(source.rate, factor if slow is None else slow, fps, options)
        only = options.get("shutter") == TELEMETRY
        found = find_shutter(survey, chosen, source.rate, only_telemetry=only)
        chosen = found.resolve(chosen)
        kept: list[av.VideoFrame] = []
        deque(_kept(islice(source.frames(), WINDOW), kept), maxlen=0)
        total = source.total
    converter = Converter(kept[0], chosen.transfer)
    each = seconds_each(kept, converter, chosen, plan_for(kept[0], converter, chosen))
    return None if total is None else output_count(total, chosen.factor), each, found, rolling


def _options(rate: Fraction | None, factor: Any, fps: Any, options: Mapping[str, Any]) -> Options:
    if options.get("shutter") == TELEMETRY:
        options = {**options, "shutter": None}
    if fps is None:
        return parse_options(rate=rate, factor=factor, **options)
    grid = parse_fps(fps)
    if rate and ROUGHLY <= grid / rate < 1:
        return parse_options(rate=rate, factor=1, **options)
    return parse_options(rate=rate, fps_num=grid.numerator, fps_den=grid.denominator, **options)


def _kept(frames: Iterator[av.VideoFrame], kept: list[av.VideoFrame], middle: int = 0) -> Iterator[av.VideoFrame]:
    """The frames; ``kept`` receives a few of the first one's kind, from ``middle`` on where there are so many.

    Raises InputError where there are none.
    """
    for n, frame in enumerate(frames):
        if not kept or kind(frame) == kind(kept[0]):
            if n == middle:
                kept.clear()
            if len(kept) < WINDOW:
                kept.append(frame)
        yield frame
    if not kept:
        raise InputError("no frame could be decoded")


def _timing(path: str) -> Timing:
    """Rate and timing by the packets, without decoding."""
    with Source(path) as source:
        tick, rate = source.tick, source.rate
        packets = islice(source.container.demux(source.video), _PACKETS)
        times = sorted(packet.pts * tick for packet in packets if packet.size and packet.pts is not None)
        frames = source.total or (len(times) if len(times) < _PACKETS else None)
        length = source.container.duration
    gaps = sorted(b - a for a, b in pairwise(times) if b > a)
    rate = rate or (1 / median(gaps) if gaps else None)
    middle = median(gaps) if gaps else (1 / rate if rate else Fraction(0))
    low, high = (gaps[0], gaps[-1]) if gaps else (middle, middle)
    return Timing(
        rate=rate,
        variable=bool(gaps) and high - low > 2 * tick + middle / 20,
        shortest_ms=float(1000 * low),
        median_ms=float(1000 * middle),
        longest_ms=float(1000 * high),
        seconds=float(frames / rate) if frames and rate else length / av.time_base if length else None,
        frames=frames,
    )


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
