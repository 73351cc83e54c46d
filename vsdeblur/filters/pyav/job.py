"""One transcoding job: source, schedule, encoder and target put together."""

from __future__ import annotations

import heapq
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vsdeblur.camera.path import CameraPath
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.filters.pyav.file import encoder as _encoder
from vsdeblur.filters.pyav.file import target as _target
from vsdeblur.filters.pyav.file import y4m as _y4m
from vsdeblur.filters.pyav.file.coder import Coder
from vsdeblur.filters.pyav.file.segments import Parts
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.file.streams import Copier
from vsdeblur.filters.pyav.format import closest
from vsdeblur.filters.pyav.inspect.gyro import about, find_alignment
from vsdeblur.filters.pyav.inspect.readout import find_readout
from vsdeblur.filters.pyav.inspect.shutter import find_shutter
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.transfer import find_transfer
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.timeline import ROUGHLY, ByFactor, ByRate, Schedule, common_tick, exact, is_standard, timed
from vsdeblur.filters.pyav.windows import Restored, Settings, restore_frames
from vsdeblur.options import MAX_FACTOR, TELEMETRY, Options, parse_options


@dataclass(frozen=True, slots=True)
class Task:
    """What transcode was asked for, checked as far as that is possible without opening the source.

    part: where it begins and how long it is, in seconds, None for all.
    """

    source: str
    target: str
    options: Mapping[str, Any]
    fps: Fraction | None
    slow: Fraction
    codec: str | None
    crf: float | None
    encoder_options: Mapping[str, object]
    overwrite: bool
    resume: bool
    part: tuple[Fraction | None, Fraction | None]
    progress: Progress | None

    @property
    def is_y4m(self) -> bool:
        return self.target == "-" or Path(self.target).suffix.lower() == ".y4m"


class Job:
    """Runs a task on an opened source and fills in the report."""

    def __init__(self, task: Task, source: Source, report: Report) -> None:
        """Raises InputError where the source yields no frame, ArgumentError for what does not fit it."""
        self.task, self.source, self.report = task, source, report
        self.began = time.monotonic()
        self.rate = source.rate
        curve = find_transfer(task.source, task.options["transfer"], *task.part)
        arguments = {**task.options, "transfer": curve.transfer}
        survey = Survey(task.source, arguments["transfer"], *task.part)
        rolling = find_readout(survey, arguments["readout"], self.rate)
        options, ratio = _options(task, self.rate, {**arguments, "readout": rolling.readout})
        only = task.options["shutter"] == TELEMETRY
        found = find_shutter(survey, options, self.rate, only_telemetry=only)
        self.exposures = found.exposures
        self.options = found.resolve(options)
        report.shutter, report.shutter_from = None if found.per_chunk else found.shutter, found.source
        report.readout, report.readout_from = options.readout, rolling.source
        report.transfer, report.transfer_from = options.transfer, curve.source
        whole = survey if task.part == (None, None) else Survey(task.source, options.transfer)
        self.alignment = None if options.by_frame else find_alignment(whole)
        report.gyro = "" if self.alignment is None else about(self.alignment)
        self.output_rate = (self.rate or Fraction(25)) * ratio / task.slow
        report.source_rate, report.output_rate = self.rate, self.output_rate
        self.zero = round(source.begin / source.tick) * source.tick if source.tick else source.begin
        self.ratio = ratio

    def run(self) -> None:
        if self.task.is_y4m:
            self._to_y4m()
        elif self.task.resume:
            self._in_parts()
        else:
            self._in_one_go()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    # The three ways to write

    def _to_y4m(self) -> None:
        first, frames = self._start(None)
        if len(self.source.container.streams) > 1:
            self.report.warn("y4m holds video alone: the other streams are left out")
        form = closest(first.format.name, _y4m.FORMATS)
        self._describe("y4m", form.name, first)
        aspect = exact(self.source.video.sample_aspect_ratio)
        with ExitStack() as stack:
            file: BinaryIO
            if self.task.target == "-":
                file = sys.stdout.buffer
            else:
                temporary = stack.enter_context(_target.written(Path(self.task.target)))
                file = stack.enter_context(_target.opened(temporary, Path(self.task.target)))
            writer: _y4m.Writer | None = None
            settings = self._settings(first, form)
            for item in self._restored(frames, settings, constant=True):
                writer = writer or _y4m.Writer(file, item.frame, self.output_rate, aspect)
                writer.write(_fitted(item.frame, first))
                self._count()
            if writer:
                writer.flush()

    def _in_one_go(self) -> None:
        target = Path(self.task.target)
        container = _target.format_of(target)
        copier = Copier(self.source, container, self.task.slow, self.report.warn)
        first, frames = self._start(copier)
        encoder = self._choose(first, container)
        constant = encoder.constant_rate or container == "avi"
        tick = self._tick(constant)
        restored = self._restored(frames, self._settings(first, encoder.target), constant)
        with _target.written(target) as temporary, _target.muxer(temporary, target, copier.tags) as output:
            coder: Coder | None = None
            for item in restored:
                if coder is None:
                    stream = copier.attach(output, self._adder(encoder, item.frame, tick), self.ratio)
                    coder = Coder(stream, tick)
                    _encoder.start(output, stream, encoder)
                    copier.begin(output)
                _target.put(output, self._encoded(coder, item, first), self.source.note)
                self._count()
            if coder is not None:
                _target.put(output, coder.finish(), self.source.note)

    def _in_parts(self) -> None:
        target = Path(self.task.target)
        container = _target.format_of(target)
        first, frames = self._start(None)
        encoder = self._choose(first, container)
        constant = encoder.constant_rate or container == "avi"
        tick = self._tick(constant)
        parts = Parts(target, self._fingerprint(encoder, tick))
        self.report.resumed = self.report.frames_out = parts.frames
        sample = _sample(first, encoder)
        if not parts.complete:
            settings = replace(self._settings(first, encoder.target), skip=parts.chunks)
            try:
                self._encode_parts(parts, encoder, sample, tick, self._restored(frames, settings, constant))
            finally:
                parts.abandon()
            parts.finish()
        copier = Copier(self.source, container, self.task.slow, self.report.warn)
        with _target.written(target) as temporary, _target.muxer(temporary, target, copier.tags) as output:
            stream = copier.attach(output, self._adder(encoder, sample, tick), self.ratio)
            _encoder.start(output, stream, encoder)
            _target.put(output, _merged(parts, stream, tick, copier, self.source), self.source.note)
        parts.remove()

    def _encode_parts(
        self, parts: Parts, encoder: _encoder.Encoder, sample: av.VideoFrame, tick: Fraction, items: Iterator[Restored]
    ) -> None:
        container, add_video = _target.format_of(Path(self.task.target)), self._adder(encoder, sample, tick)
        coder: Coder | None = None
        chunk = count = 0
        for item in items:
            if coder is not None and item.chunk != chunk and parts.due:
                parts.write(coder.finish())
                parts.close(item.chunk, count)
                coder = None
            if coder is None:
                coder, count = Coder.alone(container, add_video, tick, encoder), 0
                parts.begin()
            parts.write(self._encoded(coder, item, sample))
            chunk, count = item.chunk, count + 1
            self._count()
        if coder is not None:
            parts.write(coder.finish())
            parts.close(chunk + 1, count)

    # What they share

    def _start(self, copier: Copier | None) -> tuple[av.VideoFrame, Iterator[av.VideoFrame]]:
        frames = self.source.frames(copier.write if copier else None)
        first = next(frames, None)
        if first is None:
            why = f" ({self.source.errors[0]})" if self.source.errors else ""
            raise InputError(f"{self.source.name}: no frame could be decoded{why}")
        return first, chain([first], frames)

    def _settings(self, first: av.VideoFrame, target: Any) -> Settings:
        schedule: Schedule = ByFactor(self.options.factor, self.options.shutter, self.options.readout)
        if self.task.fps is not None and self.rate:
            origin = first.pts * exact(first.time_base) if first.pts is not None else Fraction(0)
            half = Fraction(1, 2) / self.task.fps
            same = self.task.fps == self.rate  # as with factor 1: nothing is extrapolated
            middle = Fraction(self.options.shutter + self.options.readout) / 2 / self.rate
            schedule = ByRate(self.task.fps, origin, middle if same else half)
        exposure = self._exposure if self.exposures else None
        camera = self._camera if self.alignment and self.alignment.agrees else None
        warn = self.report.warn
        return Settings(
            self.options, schedule, target, exposure=exposure, camera=camera, warn=warn, count=self._repeated
        )

    def _repeated(self, frames: int) -> None:
        self.report.repeats += frames

    def _exposure(self, time: Fraction) -> float:
        """Seconds, by telemetry, of the frame at a time of the source."""
        assert self.exposures is not None
        return self.exposures.at(float(time - self.source.origin))

    def _camera(self, time: float, period: float, count: int, size: tuple[int, int]) -> CameraPath:
        assert self.alignment is not None
        return self.alignment.path(time - float(self.source.origin), period, count, size)

    def _restored(self, frames: Iterator[av.VideoFrame], settings: Settings, constant: bool) -> Iterator[Restored]:
        usual = 1 / (self.output_rate * self.task.slow)
        grid = self.rate if self.rate and is_standard(self.rate) else None
        for item in restore_frames(timed(frames, self.rate, grid, self.report.warn), settings):
            if constant and abs(item.duration - usual) > usual / 50:
                self.report.warn("this output cannot hold the source's variable rate: give fps for right timing")
            yield item

    def _tick(self, constant: bool) -> Fraction:
        """A time base in which every output's timestamp is a whole number."""
        if constant or not self.source.tick:
            return 1 / self.output_rate
        steps = [self.source.tick]
        if self.task.fps is not None:
            return common_tick(*steps, 1 / self.task.fps)
        if self.rate and is_standard(self.rate):
            steps.append(1 / self.rate)
        return common_tick(*(step * self.task.slow / self.options.factor.numerator for step in steps))

    def _encoded(self, coder: Coder, item: Restored, like: av.VideoFrame) -> list[Packet[Any]]:
        time, duration = (item.time - self.zero) * self.task.slow, item.duration * self.task.slow
        return coder.encode(_fitted(item.frame, like), time, duration)

    def _choose(self, first: av.VideoFrame, container: str) -> _encoder.Encoder:
        task = self.task
        encoder = _encoder.choose(first, container, task.codec, task.crf, task.encoder_options, self.report.warn)
        _encoder.check_aspect(self.source, encoder, container, self.report.warn)
        self._describe(encoder.codec, encoder.target.name, first)
        return encoder

    def _adder(self, encoder: _encoder.Encoder, sample: av.VideoFrame, tick: Fraction) -> Any:
        return lambda output: _encoder.add_stream(output, encoder, sample, self.source, tick, self.output_rate)

    def _describe(self, codec: str, form: str, frame: av.VideoFrame) -> None:
        self.report.codec, self.report.pixel_format = codec, form
        self.report.width, self.report.height = frame.width, frame.height

    def _count(self) -> None:
        self.report.frames_out += 1
        if self.task.progress is None:
            return
        import psutil

        sources = self.source.total
        total = None if sources is None else max(int(sources * self.ratio), self.report.frames_out)
        done = self.report.frames_out - self.report.resumed
        left = None if total is None else total - self.report.resumed
        self.task.progress(done, left, self.elapsed, psutil.Process().memory_info().rss)

    def _fingerprint(self, encoder: _encoder.Encoder, tick: Fraction) -> dict[str, object]:
        """Everything that the bytes of a segment depend on."""
        from vsdeblur.version import __version__

        path = Path(self.source.path)
        status = path.stat()
        options = {item.name: _plain(getattr(self.options, item.name)) for item in fields(Options)}
        return {
            "source": path.resolve(),
            "source_size": status.st_size,
            "source_mtime": status.st_mtime_ns,
            "version": __version__,
            "fps": self.task.fps,
            "slow": self.task.slow,
            "start": self.source.begin,
            "end": self.source.end,
            "codec": encoder.codec,
            "pixel_format": encoder.target.name,
            "encoder_options": sorted(encoder.options.items()),
            "time_base": tick,
            **options,
        }


def _options(task: Task, rate: Fraction | None, arguments: dict[str, Any]) -> tuple[Options, Fraction]:
    """The engine's options, and how many outputs a source period has on average."""
    if arguments["shutter"] == TELEMETRY:
        arguments = {**arguments, "shutter": None}
    if task.fps is not None:
        if not rate:
            raise ArgumentError("fps", str(task.fps), "left out for a source without a frame rate (use factor)")
        ratio = task.fps / rate
        if not ROUGHLY <= ratio <= MAX_FACTOR:
            raise ArgumentError("fps", str(task.fps), f"from {rate} to {MAX_FACTOR * rate} for this source")
        return parse_options(rate=rate, **{**arguments, "factor": max(ratio, Fraction(1))}), ratio
    options = parse_options(rate=rate, **arguments)
    return options, options.factor


def _sample(first: av.VideoFrame, encoder: _encoder.Encoder) -> av.VideoFrame:
    """A frame with the tags and the format that the outputs for ``first`` will have."""
    from vsdeblur.filters.pyav.colour import Converter

    return Converter(first, target=encoder.target).blank(first)


def _fitted(frame: av.VideoFrame, like: av.VideoFrame) -> av.VideoFrame:
    """A stream's size cannot change midway: later sizes are scaled to the first."""
    if (frame.width, frame.height) == (like.width, like.height):
        return frame
    return frame.reformat(like.width, like.height)


def _merged(parts: Parts, stream: VideoStream, tick: Fraction, copier: Copier, source: Source) -> Iterator[Packet[Any]]:
    """The video's packets and the others', by decoding time."""

    def video() -> Iterator[Packet[Any]]:
        for packet in parts.packets():
            packet.time_base, packet.stream = tick, stream
            yield packet

    others = (packet for packet in source.other_packets() if copier.place(packet))
    return heapq.merge(video(), others, key=lambda packet: (packet.dts or 0) * exact(packet.time_base))


def _plain(value: Any) -> object:
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return sorted(value) if isinstance(value, frozenset) else value
