"""A job by way of segments that are kept: those that are there already are not made again."""

from __future__ import annotations

from pathlib import Path

from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.segments.opened import OpenedJob
from vsdeblur.filters.pyav.segments.parts import Parts, shortened


def write_resumable(job: Job) -> None:
    """Run the job; its target appears under its name when it is whole. Raises DeblurError."""
    target = Path(job.task.target)
    with target_file.written(target) as temporary:
        opened = OpenedJob(job)
        parts = Parts(target, opened.arguments)
        if parts.damaged:
            job.report.warn(f"finished segments that do not check are made again ({shortened(parts.damaged)})")
        job.report.resumed = job.report.frames_out = parts.frames
        opened.make(parts, parts.missing, lambda begin: f"{begin:06d}")
        opened.join(parts, temporary)
    parts.remove()
