"""What a file holds and what restoring it takes: streams, timing, colour, content, memory plan and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median
from typing import Any

import av

from vsdeblur.engine.duration import FRAMES as WINDOW
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.interlaced import refuse_interlaced
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect.calibration import Calibration, calibrate
from vsdeblur.filters.pyav.inspect.content import Content, read_content
from vsdeblur.filters.pyav.inspect.cost import SensorGrain, Work, noise_in, plan_for, plan_work, seconds_each
from vsdeblur.filters.pyav.inspect.course import Course, read_course
from vsdeblur.filters.pyav.inspect.gyro import about, find_alignment
from vsdeblur.filters.pyav.stamps import exact
from vsdeblur.settings import AUTO, Options, checked
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.table import INSPECT, TRANSCODE
from vsdeblur.timing import output_count

_PACKETS = 5000  # that timing is derived from


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One stream: its kind ("video", "audio", ...), codec and a detail in words."""

    index: int
    kind: str
    codec: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class FileTiming:
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
    """Size, format and colour of the first frame; ``assumed`` names the tags that were missing.

    interlaced: how many of the decoded frames are flagged so.
    """

    width: int
    height: int
    pixel_format: str
    matrix: str
    transfer: str
    full_range: bool
    chroma: str
    assumed: tuple[str, ...]
    interlaced: int
    rotation: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Everything that ``vsdeblur inspect`` prints; times and sizes are in the parts' own units.

    remarks: how the file is read where that is not as it says, and what of it comes out wrong.
    """

    path: str
    options: Options
    shutter_from: str
    readout_from: str
    gyro: str
    container: str
    streams: tuple[StreamFacts, ...]
    timing: FileTiming
    picture: Picture
    content: Content
    noise: SensorGrain
    work: Work
    course: Course | None
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON: the rate and the factor as strings such as "30000/1001"."""
        parts = ("timing", "picture", "content", "noise", "work", "course")
        out: dict[str, Any] = {"path": self.path, "container": self.container}
        out["streams"] = [asdict(stream) for stream in self.streams]
        out |= {name: asdict(getattr(self, name)) for name in parts if getattr(self, name) is not None}
        out["timing"]["rate"] = None if self.timing.rate is None else str(self.timing.rate)
        chosen = self.options
        return out | {
            "factor": str(chosen.factor),
            "shutter": chosen.shutter,
            "shutter_from": self.shutter_from,
            "readout": chosen.readout,
            "readout_from": self.readout_from,
            "gyro": self.gyro,
            "remarks": list(self.remarks),
            "preset": chosen.preset,
        }


def probe(
    path: str,
    frames: int = 240,
    measure: bool = True,
    course: bool = False,
    *,
    factor: Any = 1,
    fps: Any = None,
    **options: Any,
) -> Probe:
    """Inspect a file: its timing by its first packets, its first frames by their content.

    Args:
        path: of the file.
        frames: how many to decode.
        measure: also time the engine on a small piece.
        course: also look at places all over the file.
        factor, fps, options: as in :func:`vsdeblur.filters.pyav.transcode`; without one the readout is
            "auto".

    Raises:
        InputError: for a file without usable video.
        ArgumentError: for arguments that do not fit it.
    """
    refuse_unused(INSPECT, {"factor": factor, "fps": fps, **options})
    read = ReadOptions.taken_from(options)
    timing = _timing(path, read)
    arguments = {"factor": factor, "readout": AUTO, **options}
    found = calibrate(path, timing.rate, arguments, fps=checked("fps", fps), read=read)
    gyroscope = about(find_alignment(found.survey))
    kept: list[av.VideoFrame] = []
    flags: list[bool] = []
    remarks: list[str] = []
    middle = max(min(frames, timing.frames or 0) - WINDOW, 0) // 2
    with Source(path, replace(read, progressive=True), warn=remarks.append) as source:
        decoded = _kept(_flagged(islice(source.frames(), frames), flags), kept, middle)
        content = read_content(decoded, found.options, kept, timing.rate)
        streams = tuple(_stream(stream) for stream in source.container.streams)
        container = str(source.container.format.name)
    converter = Converter(kept[0], found.options.transfer)
    estimated = None if found.shutter.source == "given" else found.survey
    over_time = read_course(path, read, content, timing.rate, timing.frames, estimated) if course else None
    return Probe(
        path=path,
        options=found.options,
        shutter_from=found.shutter.source,
        readout_from=found.readout.source,
        gyro=gyroscope,
        container=container,
        streams=streams,
        timing=timing,
        picture=_picture(kept[0], converter, sum(flags)),
        content=content,
        noise=noise_in(kept[0], converter),
        work=plan_work(kept, converter, timing.frames, found.options, measure),
        course=over_time,
        remarks=tuple(dict.fromkeys(remarks)),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a transcode will take, without its encoder, and what it will restore with.

    Attributes:
        frames: outputs; None where the file does not say how long it is.
        seconds_per_frame: of each output.
        burst: outputs of a chunk, which come together.
    """

    frames: int | None
    seconds_per_frame: float
    burst: float
    calibration: Calibration


def forecast(
    path: str, stage: Callable[[str], None] = lambda _: None, *, fps: Any = None, slow: Any = None, **options: Any
) -> Forecast:
    """The forecast of a transcode with these arguments; raises as that would. stage: called with what comes next."""
    refuse_unused(TRANSCODE, {**options, "fps": fps, "slow": slow})
    read = ReadOptions.taken_from(options)
    if slow is not None:
        options["factor"] = checked("slow", slow)
    refuse_interlaced(path, read)
    stage("looking at the picture")
    with Source(path, read, quiet=True) as source:
        found = calibrate(path, source.rate, options, fps=checked("fps", fps), read=read)
        kept: list[av.VideoFrame] = []
        deque(_kept(islice(source.frames(), WINDOW), kept), maxlen=0)
        total = source.total
    converter = Converter(kept[0], found.options.transfer)
    plan = plan_for(kept[0], converter, found.options)
    stage("measuring how long it takes")
    each = seconds_each(kept, converter, found.options, plan)
    outputs = None if total is None else output_count(total, found.options.factor)
    return Forecast(outputs, each, plan.chunk * float(found.options.factor), found)


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


def _flagged(frames: Iterator[av.VideoFrame], flags: list[bool]) -> Iterator[av.VideoFrame]:
    """The frames; ``flags`` receives whether each is interlaced."""
    for frame in frames:
        flags.append(bool(frame.interlaced_frame))
        yield frame


def _timing(path: str, read: ReadOptions) -> FileTiming:
    """Rate and timing by the packets, without decoding."""
    with Source(path, read) as source:
        tick, rate = exact(source.video.time_base), source.rate
        packets = list(islice(source.packets(everything=False), _PACKETS))
        times = sorted(packet.pts * tick for packet in packets if packet.size and packet.pts is not None)
        read_whole = len(packets) < _PACKETS and len(times) == sum(packet.size > 0 for packet in packets)
        end = source.end
        taken = [time for time in times if time >= source.begin and (end is None or time < end)] if read_whole else []
        frames = len(taken) or source.total or (len(times) if len(times) < _PACKETS else None)
        length = source.container.duration
    gaps = sorted(b - a for a, b in pairwise(times) if b > a)
    rate = rate or (1 / median(gaps) if gaps else None)
    middle = median(gaps) if gaps else (1 / rate if rate else Fraction(0))
    seconds = float(taken[-1] - taken[0] + (1 / rate if rate else middle)) if taken and not read.source_fps else None
    low, high = (gaps[0], gaps[-1]) if gaps else (middle, middle)
    return FileTiming(
        rate=rate,
        variable=bool(gaps) and high - low > 2 * tick + middle / 20,
        shortest_ms=float(1000 * low),
        median_ms=float(1000 * middle),
        longest_ms=float(1000 * high),
        seconds=seconds or (float(frames / rate) if frames and rate else length / av.time_base if length else None),
        frames=frames,
    )


def _picture(frame: av.VideoFrame, converter: Converter, interlaced: int) -> Picture:
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
        interlaced,
        int(frame.rotation),
    )


def _stream(stream: Any) -> StreamFacts:
    context = stream.codec_context
    detail = ""
    if context is None:
        detail = "" if stream.type in ("data", "attachment") else "of a codec that this FFmpeg does not know"
    elif stream.type == "audio":
        detail = f"{context.sample_rate} Hz, {context.layout.name}"
    elif stream.type == "video":
        detail = f"{context.width}x{context.height}, {context.pix_fmt}"
    return StreamFacts(stream.index, stream.type, None if context is None else context.name, detail)
