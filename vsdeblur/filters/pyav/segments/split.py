"""Where a source is divided: evenly, on the grid of chunks, at the nearest scene cut where there is one in reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import av

from vsdeblur.engine.grid import Spans
from vsdeblur.filters.pyav.colour import Converter, kind
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.stamps import exact

_REACH = Fraction(1, 8)  # of a segment's length: how far a cut may move one of its ends
_LOOK = 24  # source frames on either side of an end at most in which cuts are looked for
_END = Spans().stop


def divided(job: Job, chunk: int, count: int) -> list[range]:
    """The chunks of each of ``count`` segments; the last goes on to the source's end, whatever its header says.

    Args:
        job: The job; equal ones are divided alike on every machine.
        chunk: Source frames of a chunk.
        count: The number of segments. Where it is more than that of chunks, some are empty.
    """
    frames = source_frames(job)
    reach = int(frames * _REACH / count)
    bounds = [0]
    for n in range(1, count):
        even = frames * n // count
        at = _nearest_cut(job, even, min(reach, _LOOK)) if reach >= chunk else even
        bounds.append(max(round(at / chunk), bounds[-1]))
    return [range(*one) for one in zip(bounds, [*bounds[1:], _END], strict=True)]


def source_frames(job: Job) -> int:
    """About how many frames the source has: as it says, or as many as it has packets."""
    if job.source.total:
        return job.source.total
    path, read = job.task.source, job.task.read
    with Source(path, read, quiet=True) as source:
        packets = sum(1 for packet in source.packets(everything=False) if packet.size)
    return max(packets, 1)


def _nearest_cut(job: Job, frame: int, reach: int) -> int:
    """The frame nearest to ``frame`` that opens a scene, or ``frame`` itself where there is none within ``reach``."""
    given = job.options.scene_cuts
    cuts: Iterable[int] = given if isinstance(given, frozenset) else ()
    if job.options.detects_cuts and job.rate:
        cuts = _cuts_around(job, job.rate, frame, reach)
    return min((cut for cut in cuts if abs(cut - frame) <= reach), key=lambda cut: abs(cut - frame), default=frame)


def _cuts_around(job: Job, rate: Fraction, frame: int, reach: int) -> frozenset[int]:
    import torch

    from vsdeblur.clip.cuts import find_cuts

    first = max(frame - reach, 0)
    start = (job.task.read.start or 0) + first / rate
    read = replace(job.task.read, start=start, duration=2 * reach / rate)
    frames: list[av.VideoFrame] = []
    with Source(job.task.source, read, quiet=True) as source:
        for one in source.frames():
            if frames and kind(one) != kind(frames[0]):
                break
            frames.append(one)
    if len(frames) < 2 or frames[0].pts is None:
        return frozenset()
    opens = frames[0].pts * exact(frames[0].time_base) - job.source.begin
    converter = Converter(frames[0], job.options.transfer)
    light = torch.empty(len(frames), converter.channels, frames[0].height, frames[0].width)
    for out, one in zip(light, frames, strict=True):
        converter.decode(one, out)
    return find_cuts(light[:, : converter.colours], round(opens * rate))
