"""A cluster of two processes on this machine: the frames are those of a single run, also where a process is killed.

Skipped where Ray is not installed: ``uv run --group dev --extra cluster pytest tests/cluster``.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.pyav import decode, packets, times, write_clip
from vsdeblur.cluster import transcode
from vsdeblur.cluster.tasks import Needs, run_tasks
from vsdeblur.cluster.where import Where, connected
from vsdeblur.filters.pyav import transcode as alone

ray: Any = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(300)
LOSSLESS = {"codec": "libx264", "crf": 0, "encoder_options": {"preset": "ultrafast"}, "shutter": 0.5, "preset": "fast"}


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Any:
    with connected(Where.parse("local:2")):
        yield


def test_frames_are_those_of_a_single_run(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 70, (32, 32), audio="aac")
    alone(source, tmp_path / "one.mkv", 1, **LOSSLESS)
    finished = []
    report = transcode(
        source, tmp_path / "out.mkv", 1, cluster="local:2", progress=lambda *one: finished.append(one[:2]), **LOSSLESS
    )
    assert report.frames_out == sum(report.nodes.values()) == 70
    assert report.resumed == 0
    assert finished[-1] == (70, 70)
    assert len(finished) == 2
    one, joined = decode(tmp_path / "one.mkv"), decode(tmp_path / "out.mkv")
    assert all((a.to_ndarray() == b.to_ndarray()).all() for a, b in zip(one, joined, strict=True))
    assert times(tmp_path / "out.mkv") == times(tmp_path / "one.mkv")
    assert packets(tmp_path / "out.mkv", "audio") == packets(tmp_path / "one.mkv", "audio")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "one.mkv", "out.mkv"]


def _killed_once(mark: str) -> dict[str, Any]:
    if not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"frames": 5}


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    finished: list[int] = []
    run_tasks(
        ray, Needs(1 << 20), [(str(tmp_path / "mark"),)], lambda frames, node: finished.append(frames), _killed_once
    )
    assert finished == [5]
