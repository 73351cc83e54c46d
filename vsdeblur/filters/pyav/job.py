"""One transcoding job: a source with its calibration, as a stream of restored frames on the output's timeline."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av

from vsdeblur.camera.path import CameraPath
from vsdeblur.engine.grid import ALL, Spans
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.file.encoder import Encoder
from vsdeblur.filters.pyav.file.map import MapVideo
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Packets, Source
from vsdeblur.filters.pyav.inspect.calibration import calibrate
from vsdeblur.filters.pyav.inspect.gyro import about
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.stamps import is_standard, timed
from vsdeblur.filters.pyav.ticks import common_tick
from vsdeblur.filters.pyav.timeline import schedule_of
from vsdeblur.filters.pyav.windows import Restored, StreamContext, restore_frames


@dataclass(frozen=True, slots=True)
class Task:
    """What transcode was asked for, checked as far as that is possible without opening the source.

    Attributes:
        options: the arguments of restoring, as given.
        fps: of a uniform output grid, None for ``factor`` outputs per source frame.
        slow: by how much the output's time is stretched, 1 for not at all.
        segment: the number of the one segment that is made, from 1 on, and how many there are.
        map: where a map of how each place was restored is written, None for nowhere.
        read: which part of the source is taken, and how.
        given: the settings as the user gave them.
    """

    source: str
    target: str
    options: Mapping[str, Any]
    fps: Fraction | None
    slow: Fraction
    codec: str | None
    pixel_format: str | None
    crf: float | None
    encoder_options: Mapping[str, object]
    overwrite: bool
    resume: bool
    strict: bool
    segment: tuple[int, int] | None
    map: Path | None
    read: ReadOptions
    progress: Progress | None
    given: Mapping[str, Any]

    @property
    def is_y4m(self) -> bool:
        """Whether the output is y4m."""
        return self.target == "-" or Path(self.target).suffix.lower() == ".y4m"


class Job:
    """A task on an opened source; fills in the report as it goes."""

    def __init__(self, task: Task, source: Source, report: Report, map_video: MapVideo | None = None) -> None:
        """Calibrate the source for the task. map_video: where a map of the outputs goes.

        Raises:
            ArgumentError: for arguments that do not fit the source.
        """
        self.task, self.source, self.report = task, source, report
        self._map = map_video
        self.share = Fraction(1)  # of the outputs, that this job makes
        self._began = time.monotonic()
        self.rate = source.rate
        self.calibration = calibrate(task.source, self.rate, task.options, fps=task.fps, read=task.read)
        self.options, self.ratio = self.calibration.options, self.calibration.ratio
        self._exposures = self.calibration.shutter.exposures
        self._alignment = None if self.options.single_frame else self.calibration.alignment()
        self.output_rate = (self.rate or Fraction(25)) * self.ratio / task.slow
        self._zero = round(source.begin / source.tick) * source.tick if source.tick else source.begin
        if map_video is not None:
            map_video.begin(source, self.tick(constant=False), self.output_rate, report.warn)
        _describe(report, self)

    @property
    def gyroscope(self) -> str:
        """What the file's gyroscope is used for, in words; empty without one."""
        return "" if self._alignment is None else about(self._alignment)

    @property
    def elapsed(self) -> float:
        """Seconds since the job began."""
        return time.monotonic() - self._began

    def open(self, others: Packets | None = None) -> tuple[av.VideoFrame, Iterator[av.VideoFrame]]:
        """The first frame, and all frames with it.

        Args:
            others: receives the packets of the other streams as they are read.

        Raises:
            InputError: where the source yields no frame.
        """
        frames = self.source.frames(others)
        first = next(frames, None)
        if first is None:
            why = f" ({self.source.errors[0]})" if self.source.errors else ""
            raise InputError(f"{self.source.name}: no frame could be decoded{why}")
        return first, chain([first], frames)

    def restored(
        self,
        frames: Iterator[av.VideoFrame],
        first: av.VideoFrame,
        encoder: Encoder,
        *,
        constant: bool,
        wanted: Spans = ALL,
    ) -> Iterator[Restored]:
        """Restored frames of one size, on the output's timeline, each counted once it was taken.

        Args:
            frames: of the source.
            first: of them, whose size counts.
            encoder: that they are made for.
            constant: whether the output can only hold a constant rate; a source's variable one is warned about.
            wanted: chunks that are restored.
        """
        usual = 1 / (self.output_rate * self.task.slow)
        grid = self.rate if self.rate and is_standard(self.rate) else None
        settings, size = self._settings(first, encoder, wanted), encoder.size(first)
        chunk = -1
        for item in restore_frames(timed(frames, self.rate, grid, self.report.warn), settings):
            if constant and abs(item.duration - usual) > usual / 50:
                self.report.warn("this output cannot hold the source's variable rate: its frames are evenly spaced")
            if item.chunk != chunk:
                chunk = item.chunk
                self.report.repeats += item.repeats
            moved = (item.time - self._zero) * self.task.slow
            shown = item.duration * self.task.slow
            item = replace(item, frame=_sized(item.frame, size), time=moved, duration=shown)
            if self._map is not None and item.ways is not None:
                self._map.add(item.frame, item.ways, item.time, item.duration)
            yield item
            self._count()
        if self._map is not None:
            self._map.finish()
            self.report.ways = _named(self._map.shares)

    def tick(self, constant: bool) -> Fraction:
        """A time base in which every output's timestamp is a whole number."""
        if constant or not self.source.tick:
            return 1 / self.output_rate
        steps = [self.source.tick]
        if self.task.fps is not None:
            return common_tick(*steps, 1 / self.task.fps)
        if self.rate and is_standard(self.rate):
            steps.append(1 / self.rate)
        return common_tick(*(step * self.task.slow / self.options.factor.numerator for step in steps))

    def _settings(self, first: av.VideoFrame, encoder: Encoder, wanted: Spans) -> StreamContext:
        return StreamContext(
            options=self.options,
            schedule=schedule_of(self.options, self.task.fps, self.rate, first),
            target=encoder.target,
            even=encoder.even,
            wanted=wanted,
            exposure=self._exposure if self._exposures else None,
            camera=self._camera if self._alignment and self._alignment.agrees else None,
            progressive=True,  # the source has looked
            ways=self._map is not None,
            warn=self.report.warn,
        )

    def _exposure(self, time: Fraction) -> float:
        """Seconds, by telemetry, of the frame at a time of the source."""
        assert self._exposures is not None
        return self._exposures.at(float(time - self.source.origin))

    def _camera(self, time: float, period: float, count: int, size: tuple[int, int]) -> CameraPath:
        assert self._alignment is not None
        return self._alignment.path(time - float(self.source.origin), period, count, size)

    def _count(self) -> None:
        self.report.frames_out += 1
        if self.task.progress is None:
            return
        import psutil

        sources = self.source.total
        total = None if sources is None else max(int(sources * self.ratio * self.share), self.report.frames_out)
        done = self.report.frames_out - self.report.resumed
        left = None if total is None else total - self.report.resumed
        self.task.progress(done, left, self.elapsed, psutil.Process().memory_info().rss)


def _describe(report: Report, job: Job) -> None:
    """Write into the report what the job restores with, and why."""
    found = job.calibration
    report.shutter = None if found.shutter.per_chunk else found.shutter.shutter
    report.shutter_from = found.shutter.source
    report.readout, report.readout_from = job.options.readout, found.readout.source
    report.transfer, report.transfer_from = job.options.transfer, found.transfer.source
    report.gyro = job.gyroscope
    report.source_rate, report.output_rate = job.rate, job.output_rate


def _named(shares: list[float]) -> dict[str, float]:
    from vsdeblur.engine.ways import WAYS

    return {way.name: round(share, 4) for way, share in zip(WAYS, shares, strict=bool(shares))}


def _sized(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    """A stream's size cannot change midway: later sizes are scaled to the first."""
    return frame if (frame.width, frame.height) == size else frame.reformat(*size)
