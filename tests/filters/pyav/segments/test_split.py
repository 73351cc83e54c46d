"""Where a source is divided."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.pyav import write_clip
from vsdeblur.engine.grid import Spans
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.report import Report
from vsdeblur.filters.pyav.segments.split import divided
from vsdeblur.filters.pyav.transcoding import task_of

END = Spans().stop
FRAMES = 64


def spans(path: Path, count: int, chunk: int = 2, **given: Any) -> list[tuple[int, int]]:
    task = task_of(str(path), "o.mkv", {"shutter": 0.5, "preset": "fast", **given}, None)
    with Source(str(path), task.read) as source:
        job = Job(task, source, Report(str(path), "o.mkv"))
        return [(span.start, span.stop) for span in divided(job, chunk, count)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("split") / "in.mp4", FRAMES, (32, 32))


def test_even_parts_of_the_grid(clip: Path) -> None:
    assert spans(clip, 2, scene_cuts=False) == [(0, 16), (16, END)]
    assert spans(clip, 3, scene_cuts=False) == [(0, 10), (10, 21), (21, END)]
    assert spans(clip, 1) == [(0, END)]
    assert spans(clip, 100, 32, scene_cuts=False)[-1] == (2, END), "the others are empty"


def test_cuts_that_are_known(clip: Path) -> None:
    assert spans(clip, 2, scene_cuts=[30, 60]) == [(0, 15), (15, END)]
    assert spans(clip, 2, scene_cuts=[25]) == [(0, 16), (16, END)], "beyond an eighth of a segment"


def test_cuts_that_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (2, 6, 6, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 48, 48, "bgr0"
        for n in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(scenes[int(n >= 34)], "rgb24").reformat(format="bgr0")))
        output.mux(stream.encode())
    assert spans(path, 2) == [(0, 17), (17, END)]
