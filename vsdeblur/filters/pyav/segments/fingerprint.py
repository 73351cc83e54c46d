"""What the packets of a segment depend on, as text: segments fit together where all of it is the same."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.outputs import Video
from vsdeblur.settings import Options
from vsdeblur.version import __version__

if TYPE_CHECKING:
    from vsdeblur.engine.plan import Plan

_PIECES, _PIECE = 64, 64 << 10  # of a source, evenly over it: their number, bytes of each


def arguments_of(job: Job, video: Video, plan: Plan) -> dict[str, str]:
    """Of a job, what it encodes by, and its memory plan. Raises ArgumentError for a source that is no file."""
    from vsdeblur.device import choose_device, network_dtype

    device = choose_device(job.options.device)
    read = job.task.read
    options = {item.name: _plain(getattr(job.options, item.name)) for item in fields(Options)}
    found = {
        **_source(job),
        "version": __version__,
        "fps": job.task.fps,
        "slow": job.task.slow,
        "start": job.source.begin,
        "end": job.source.end,
        "max_side": read.max_side,
        "source_fps": read.source_fps,
        "matrix": read.matrix,
        "range": read.range,
        "primaries": read.primaries,
        "gyro": None if read.gyro is None else hashlib.sha256(Path(read.gyro).read_bytes()).hexdigest()[:16],
        "codec": video.encoder.codec,
        "pixel_format": video.encoder.target.name,
        "encoder_options": sorted(video.encoder.options.items()),
        "container": video.container,
        "time_base": video.tick,
        # Machines of other sizes and kinds cut a clip otherwise, or differ in the last bits.
        "chunk": (plan.chunk, plan.halo),
        "tile": (plan.tile, plan.overlap),
        "consistent": plan.consistent,
        "computed_on": device.type,
        "computed_in": network_dtype(device),
        **options,
    }
    return {name: str(value) for name, value in found.items()}


def _source(job: Job) -> dict[str, object]:
    """Of its size, its time, and pieces of it; its path may be another one on another machine."""
    path = Path(job.source.path)
    if not os.path.isfile(path):
        name, value = ("segment", "{}/{}".format(*job.task.segment)) if job.task.segment else ("resume", True)
        raise ArgumentError(name, value, "left out for a source that is no file: whether it changes is not seen")
    status, digest = path.stat(), hashlib.sha256()
    with path.open("rb") as file:
        for n in range(_PIECES):
            file.seek(max(status.st_size - _PIECE, 0) * n // (_PIECES - 1))
            digest.update(file.read(_PIECE))
    return {
        "source_size": status.st_size,
        "source_mtime": int(status.st_mtime),
        "source_sha256": digest.hexdigest(),
    }


def _plain(value: Any) -> object:
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return sorted(value) if isinstance(value, frozenset) else value
