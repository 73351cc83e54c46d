"""A whole media file, deblurred by a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from vsdeblur.cluster.progress import JobProgress, Nodes
from vsdeblur.cluster.tasks import Needs, on_all_nodes, run_tasks
from vsdeblur.cluster.where import Where, connected
from vsdeblur.engine.grid import Spans
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.segments.kept import kept_settings
from vsdeblur.filters.pyav.segments.opened import OpenedJob
from vsdeblur.filters.pyav.segments.parts import Parts
from vsdeblur.filters.pyav.segments.share import part_name
from vsdeblur.filters.pyav.segments.split import divided, source_frames
from vsdeblur.filters.pyav.transcoding import local_task, run, task_of
from vsdeblur.settings.engine import Number
from vsdeblur.settings.files import FileSettings
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import CLUSTER
from vsdeblur.stores.local import SEGMENTS, LocalFiles, forget
from vsdeblur.stores.stored import is_stored

_FRAMES = 32  # source frames of a segment at least
_MOST = 512  # segments: each decodes the source up to its end


@takes(CLUSTER)
def transcode(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    factor: Number = 1,
    *,
    cluster: str = "auto",
    progress: Progress | None = None,
    nodes: Nodes | None = None,
    **settings: Unpack[FileSettings],
) -> Report:
    """Deblur a video file as ``vsdeblur.filters.pyav.transcode`` does, its segments on the machines of a cluster.

    All of them read src and write beside dst, under the same paths or URLs. Segments that are there from an earlier
    call with the same arguments are not made again, so that a call that was killed goes on.

    Args:
        src: A path, or the URL of a file in an object store.
        dst: A path or a URL, whose ending names the container.
        cluster: "auto" for the one that runs on this machine or that RAY_ADDRESS names, "ray://HOST:PORT", or "local"
            and "local:N" for N processes on this machine.
        progress: Called every second with (outputs done, outputs in all or None, seconds, bytes of memory).
        nodes: Called before it with the outputs of each machine, as {name: number}.
        **settings: See [Settings](settings.md).

    Raises:
        DeblurError: As of ``transcode``; Ray is not installed, or the cluster cannot be reached.
    """
    where = Where.parse(cluster)
    given: dict[str, Any] = {"factor": factor, **settings}
    task = task_of(_anywhere(src), _anywhere(dst), given, progress)
    if os.fspath(src) == "-" or task.is_y4m:
        raise ArgumentError("cluster", cluster, "left out for y4m and standard input, which cannot be joined")
    kept = {**kept_settings(given), "overwrite": True}  # which is decided here

    def arguments(segment: str) -> tuple[Any, ...]:
        return task.source, task.target, kept, segment

    with local_task(task) as (here, files), connected(where) as ray:
        report = run(here, lambda job: _write(job, ray, arguments, files, nodes))
        if is_stored(task.source) or is_stored(task.target):
            on_all_nodes(ray, forget, task.source, task.target, SEGMENTS)
    report.source, report.output = task.source, task.target
    return report


def _anywhere(name: str | os.PathLike[str]) -> str:
    """A name that means the same in every process."""
    name = os.fspath(name)
    return name if is_stored(name) else os.path.abspath(name)


def _write(
    job: Job, ray: Any, arguments: Callable[[str], tuple[Any, ...]], files: LocalFiles, nodes: Nodes | None
) -> None:
    target = Path(job.task.target)
    with target_file.written(target) as temporary:
        opened = OpenedJob(job)
        files.pull()
        count = max(min(source_frames(job) // _FRAMES, _MOST), 1)
        there = _parts(target, opened, count)
        job.report.resumed = job.report.frames_out = there.frames
        names = {record.part for record in there.records}
        missing = [n for n in _longest_first(job, opened, count) if part_name(n, count) not in names]
        segments = [f"{n}/{count}" for n in missing]
        calls = {segment: arguments(segment) for segment in segments}
        run_tasks(ray, _needs(ray, opened), calls, JobProgress(job, ray, nodes))
        files.pull(anew={part_name(n, count) for n in missing})
        parts = _parts(target, opened, count)
        if parts.missing.ranges:
            raise DeblurError(f"{parts.folder}: segments are missing", "give the command again")
        opened.join(parts, temporary)
    parts.remove()


def _parts(target: Path, opened: OpenedJob, count: int) -> Parts:
    return Parts(target, opened.arguments, lambda part: part.endswith(f"-of-{count}"))


def _longest_first(job: Job, opened: OpenedJob, count: int) -> list[int]:
    """The numbers of segments, from 1 on."""
    last = -(-source_frames(job) // opened.plan.chunk)
    spans = divided(job, opened.plan.chunk, count)
    lengths = [(last if span.stop == Spans().stop else span.stop) - span.start for span in spans]
    return sorted(range(1, count + 1), key=lambda n: -lengths[n - 1])


def _needs(ray: Any, opened: OpenedJob) -> Needs:
    from vsdeblur.device import choose_device, total_memory

    device = choose_device(opened.job.options.device)
    gpus = float(ray.cluster_resources().get("GPU", 0)) if device.type == "cuda" else 0.0
    return Needs.of(opened.plan.peak_bytes, gpus, total_memory(device) if gpus else None)
