"""One of N segments of a job, made by any machine that has the source, and kept for ``join``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vsdeblur.engine.grid import Spans
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.segments.opened import OpenedJob
from vsdeblur.filters.pyav.segments.parts import Parts
from vsdeblur.filters.pyav.segments.split import divided


def write_segment(job: Job) -> None:
    """Make the segment that the task asks for, where it is not there already. Raises DeblurError."""
    assert job.task.segment is not None
    number, count = job.task.segment
    part, opened = part_name(number, count), OpenedJob(job)
    parts = Parts(Path(job.task.target), opened.arguments, lambda name: name == part)
    if parts.records:
        job.report.resumed = job.report.frames_out = parts.frames
        return
    span = divided(job, opened.plan.chunk, count)[number - 1]
    total = job.source.total
    if total is not None:
        begin, end = (min(chunks * opened.plan.chunk, total) for chunks in (span.start, span.stop))
        job.share = Fraction(end - begin, total)
    opened.make(parts, Spans((span,)), lambda begin: part)


def part_name(number: int, count: int) -> str:
    """Of a segment's files, without their ending."""
    return f"{number}-of-{count}"
