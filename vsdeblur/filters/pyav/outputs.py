"""Writing a job's frames in one go: as y4m, or into a container."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.video.stream import VideoStream

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.filters.pyav.colour import Converter
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file import y4m
from vsdeblur.filters.pyav.file.coder import Coder
from vsdeblur.filters.pyav.file.encoder import Encoder, add_stream, candidates, format_losses, start
from vsdeblur.filters.pyav.file.losses import frame_facts, picture_facts, stream_facts, y4m_losses
from vsdeblur.filters.pyav.file.rehearsal import Rehearsed, rehearse
from vsdeblur.filters.pyav.file.streams import Copier
from vsdeblur.filters.pyav.file.tags import lost_tags
from vsdeblur.filters.pyav.file.timecode import holds_timecode, moved_timecode
from vsdeblur.filters.pyav.format import closest
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.stamps import exact
from vsdeblur.filters.pyav.windows import Restored


def write(job: Job) -> None:
    """Run the job; its target appears under its name when it is whole."""
    if job.task.is_y4m:
        _write_y4m(job)
    else:
        _write_container(job)


def _write_y4m(job: Job) -> None:
    first, frames = job.open()
    form = closest(first.format.name, y4m.FORMATS)
    for what in y4m_losses(job.source, first, form):
        job.report.lose(what)
    known = frame_facts(first)
    job.source.brings_new = lambda frame: _lose_all(job, frame_facts(frame) - known, "y4m has no place for {}")
    _describe(job, "y4m", form.name, (first.width, first.height))
    aspect = exact(job.source.video.sample_aspect_ratio)
    with ExitStack() as stack:
        file: BinaryIO
        if job.task.target == "-":
            if sys.stdout is None:
                raise DeblurError("standard output is closed")
            file = sys.stdout.buffer
        else:
            temporary = stack.enter_context(target_file.written(Path(job.task.target)))
            file = stack.enter_context(target_file.opened(temporary, Path(job.task.target)))
        writer: y4m.Writer | None = None
        for item in job.restored(frames, first, Encoder("y4m", form), constant=True):
            writer = writer or y4m.Writer(file, item.frame, job.output_rate, aspect)
            writer.write(item.frame)
        if writer:
            writer.flush()


def _write_container(job: Job) -> None:
    target = Path(job.task.target)
    copier = copier_for(job, target)
    first, frames = job.open(copier.write)
    with target_file.written(target) as temporary:
        video = Video.choose(job, first, copier)
        restored = job.restored(frames, first, video.encoder, constant=video.constant)
        _mux(job, video, copier, temporary, restored)


def _mux(job: Job, video: Video, copier: Copier, temporary: Path, restored: Iterator[Restored]) -> None:
    with target_file.muxer(temporary, Path(job.task.target), copier.tags) as output:
        coder: Coder | None = None
        for item in restored:
            if coder is None:
                coder = Coder(video.attach(output, copier, item.frame), video.tick, video.encoder)
                copier.begin(output)
            target_file.put(output, coder.encode(item.frame, item.time, item.duration), job.source.note)
        if coder is not None:
            target_file.put(output, coder.finish(), job.source.note)


def copier_for(job: Job, target: Path) -> Copier:
    """What copies the source's other streams into a target, on its timeline."""
    container = target_file.format_of(target)
    return Copier(job.source, container, job.task.slow, lambda code: _timecode(job, container, code), job.report.lose)


def _timecode(job: Job, container: str, code: str) -> str | None:
    """The output's start timecode; None, with a warning, where there cannot be one."""
    rate = job.rate or Fraction(25)
    if not holds_timecode(container, job.output_rate):
        job.report.lose(f"the timecode {code}: {container} cannot count {float(job.output_rate):.6g} frames a second")
        return None
    moved = moved_timecode(code, rate, job.output_rate, job.source.begin - job.source.origin)
    if moved is None:
        job.report.lose(f"the timecode {code}: it is none at {float(rate):.6g} frames a second")
    return moved


@dataclass(frozen=True, slots=True)
class Video:
    """The video stream of an output: its encoder, whether its rate is constant, and its time base."""

    job: Job
    container: str
    encoder: Encoder
    constant: bool
    tick: Fraction

    @classmethod
    def choose(cls, job: Job, first: av.VideoFrame, copier: Copier) -> Video:
        """By the task, for frames like ``first``: the first choice that works, as a rehearsal of it shows.

        Raises DeblurError where none does.
        """
        task = job.task
        container = target_file.format_of(Path(task.target))
        choices = candidates(first, container, task.codec, task.crf, task.encoder_options, task.pixel_format)
        failed: DeblurError | None = None
        for encoder in choices:
            constant = encoder.constant_rate or container == "avi"
            video = cls(job, container, encoder, constant, job.tick(constant))
            try:
                rehearsed = video.rehearse(first, copier)
            except ArgumentError:
                raise
            except DeblurError as error:
                failed = failed or error
            else:
                _describe(job, encoder.codec, encoder.stored or encoder.target.name, encoder.size(first))
                video.warn_of_losses(first, copier, rehearsed)
                job.source.brings_new = video.losses_after(first)
                return video
        assert failed is not None
        raise failed

    def rehearse(self, like: av.VideoFrame, copier: Copier | None) -> Rehearsed | None:
        """Try it with grey frames that are like another otherwise; with the copied streams, or by itself."""
        import torch

        encoder, transfer = self.encoder, self.job.options.transfer
        converter = Converter(like, transfer, encoder.target, even=encoder.even)
        grey = torch.full((converter.channels, like.height, like.width), 0.2)
        sample = converter.encode(grey, like)
        options = target_file.muxer_options(self.container, copier.tags if copier else {})
        period = 1 / self.job.output_rate
        return rehearse(
            encoder, self.container, options, lambda to: self.attach(to, copier, sample), sample, self.tick, period
        )

    def losses_after(self, first: av.VideoFrame) -> Callable[[av.VideoFrame], None]:
        """What says which side data of a later frame, of kinds that ``first`` has not, the output will not have."""
        known = frame_facts(first)

        def lose(frame: av.VideoFrame) -> None:
            new, kept = frame_facts(frame) - known, set[str]()
            if new:
                with suppress(DeblurError):
                    rehearsed = self.rehearse(frame, None)
                    kept = new if rehearsed is None else set(rehearsed.facts)
            _lose_all(self.job, new - kept, f"{self.container} with {self.encoder.codec} does not keep {{}}")

        return lose

    def warn_of_losses(self, first: av.VideoFrame, copier: Copier, rehearsed: Rehearsed | None) -> None:
        """Say once what is on the source and will not be on the output."""
        report, source = self.job.report, self.job.source
        for lost in format_losses(first, self.encoder):
            report.lose(lost)
        if rehearsed is None:
            return
        had = picture_facts(source.video, first) | stream_facts(source.container.streams)
        _lose_all(self.job, had - rehearsed.facts, f"{self.container} with {self.encoder.codec} does not keep {{}}")
        for what in lost_tags(copier.all_tags, rehearsed.tags):
            report.lose(f"{self.container} has no place for {what}")
        if rehearsed.chapters < len(source.container.chapters()):
            report.lose(f"{self.container} holds no chapters: they are left out")

    def add(self, output: Any, sample: av.VideoFrame) -> VideoStream:
        """The stream in an output, for frames like ``sample``."""
        return add_stream(output, self.encoder, sample, self.job.source, self.tick, self.job.output_rate)

    def attach(self, output: Any, copier: Copier | None, sample: av.VideoFrame) -> VideoStream:
        """The stream in an output, beside the copied ones if there are, with the header written."""
        stream = copier.attach(output, lambda to: self.add(to, sample)) if copier else self.add(output, sample)
        start(output, stream, self.encoder)
        return stream


def _lose_all(job: Job, facts: Iterable[str], sentence: str) -> None:
    for what in sorted(facts):
        job.report.lose(sentence.format(what))


def _describe(job: Job, codec: str, form: str, size: tuple[int, int]) -> None:
    report = job.report
    report.codec, report.pixel_format = codec, form
    report.width, report.height = size
