"""The segments of a file that several machines made, joined."""

from __future__ import annotations

import os
from pathlib import Path

from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.report import Progress, Report
from vsdeblur.filters.pyav.segments.join import finished, join_into
from vsdeblur.filters.pyav.transcoding import run, task_of
from vsdeblur.settings import checked
from vsdeblur.stores.local import local_files


def join(
    dst: str | os.PathLike[str],
    *,
    src: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Join the segments that ``transcode(src, dst, segment="i/N")`` made for every i, without encoding anything.

    Sound, subtitles, chapters and metadata are copied from the source, as in a single run. The segments are removed
    when the output is whole.

    Args:
        dst: The path or URL that the segments were made for; they lie beside it, in "dst.vsdeblur-parts".
        src: The source where it lies elsewhere than the segments say.
        overwrite: Allow dst to exist.
        progress: Called once, with all outputs.

    Returns:
        What was done, as of one run.

    Raises:
        DeblurError: A segment is missing or damaged, they do not fit together, or the source is another one.
    """
    checked("overwrite", overwrite)
    with local_files("" if src is None else os.fspath(src), os.fspath(dst), overwrite) as files:
        files.pull()
        target = Path(files.target)
        parts = finished(target)
        record = next(record for record in parts.records if record.settings)
        source = record.source if src is None else files.source
        target_file.check(target, source, overwrite)
        task = task_of(source, files.target, record.settings, progress)
        report = run(task, lambda job: join_into(parts, job))
    report.source, report.output = source if src is None else os.fspath(src), os.fspath(dst)
    if progress is not None:
        progress(report.frames_out, report.frames_out, report.seconds, 0)
    return report
