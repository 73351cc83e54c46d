"""Joining all segments of a target without encoding, with the source's other streams."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vsdeblur.errors import DeblurError, InputError
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.segments.opened import OpenedJob
from vsdeblur.filters.pyav.segments.parts import Parts, folder_of, shortened
from vsdeblur.filters.pyav.segments.record import Record
from vsdeblur.filters.pyav.segments.share import part_name

_SHOWN = 8  # missing segments that are named


def finished(target: Path) -> Parts:
    """All segments of a target, checked: none is missing, and all were made of one source with the same arguments.

    Raises:
        DeblurError: Something of that does not hold.
    """
    if not os.path.lexists(folder_of(target)):
        raise InputError(f"{folder_of(target)}: no such folder: there are no segments of {target}")
    parts = Parts(target, None)
    damaged = f" (do not check: {shortened(parts.damaged)})" if parts.damaged else ""
    named = [record for record in parts.records if record.settings]
    if not named:
        raise InputError(f"{parts.folder}: no whole segment is in it{damaged}", "make them with {segment}")
    if parts.missing.ranges:
        raise DeblurError(f"{parts.folder}: {_missing(parts.records)}{damaged}", "make what is missing with {segment}")
    return parts


def join_into(parts: Parts, job: Job) -> None:
    """Write the target of a job that the segments were made by. Raises DeblurError."""
    target = Path(job.task.target)
    with target_file.written(target) as temporary:
        opened = OpenedJob(job)
        parts.compare(opened.arguments)
        job.report.resumed = parts.frames
        opened.join(parts, temporary)
    parts.remove()


def _missing(records: list[Record]) -> str:
    """What is missing, in words."""
    counts = {int(match[1]) for record in records if (match := re.fullmatch(r"\d+-of-(\d+)", record.part))}
    if len(counts) != 1:
        return "segments are missing, and the others are of different numbers of them"
    count, there = counts.pop(), {record.part for record in records}
    missing = [f"{n}/{count}" for n in range(1, count + 1) if part_name(n, count) not in there]
    return f"missing segments: {shortened(missing, _SHOWN)}"
