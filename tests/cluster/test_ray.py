"""A cluster of two processes on this machine: the frames are those of a single run, also where a process is killed.

Skipped where Ray is not installed: ``uv run --group dev --extra cluster pytest tests/cluster``.
"""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.pyav import decode, packets, times, write_clip
from vsdeblur.cluster import transcode
from vsdeblur.cluster.board import Made
from vsdeblur.cluster.tasks import Needs, node_id, run_tasks
from vsdeblur.cluster.where import Where, connected
from vsdeblur.filters.pyav import transcode as alone

ray: Any = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(300)
LOSSLESS = {"codec": "libx264", "crf": 0, "encoder_options": {"preset": "ultrafast"}, "shutter": 0.5, "preset": "fast"}


@pytest.fixture(scope="module", autouse=True)
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the tasks have their copies of what lies in a store."""
    folder = tmp_path_factory.mktemp("theirs")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VSDEBLUR_WORK", str(folder))
        with connected(Where.parse("local:2")):
            yield folder


def test_frames_are_those_of_a_single_run(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 70, (32, 32), audio="aac")
    alone(source, tmp_path / "one.mkv", 1, **LOSSLESS)
    seen: list[tuple[int, int]] = []
    by_node: list[Mapping[str, int]] = []
    report = transcode(
        source,
        tmp_path / "out.mkv",
        1,
        cluster="local:2",
        progress=lambda *one: seen.append(one[:2]),
        nodes=by_node.append,
        **LOSSLESS,
    )
    assert report.frames_out == sum(report.nodes.values()) == 70
    assert report.resumed == 0
    assert seen[-1] == (70, 70)
    assert by_node[-1] == {platform.node(): 70}
    assert [sum(one.values()) for one in by_node] == [done for done, _ in seen]
    one, joined = decode(tmp_path / "one.mkv"), decode(tmp_path / "out.mkv")
    assert all((a.to_ndarray() == b.to_ndarray()).all() for a, b in zip(one, joined, strict=True))
    assert times(tmp_path / "out.mkv") == times(tmp_path / "one.mkv")
    assert packets(tmp_path / "out.mkv", "audio") == packets(tmp_path / "one.mkv", "audio")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "one.mkv", "out.mkv"]


def test_both_ends_in_a_store(tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver shares no folder with the tasks but the store."""
    monkeypatch.setenv("VSDEBLUR_WORK", str(tmp_path / "ours"))
    store = tmp_path / "store"
    store.mkdir()
    source = write_clip(store / "in.mkv", 70, (32, 32))
    alone(source, tmp_path / "one.mkv", 1, **LOSSLESS)
    report = transcode(source.as_uri(), f"{store.as_uri()}/out.mkv", 1, cluster="local:2", **LOSSLESS)
    assert (report.output, report.frames_out) == (f"{store.as_uri()}/out.mkv", 70)
    one, joined = decode(tmp_path / "one.mkv"), decode(store / "out.mkv")
    assert all((a.to_ndarray() == b.to_ndarray()).all() for a, b in zip(one, joined, strict=True))
    assert sorted(path.name for path in store.iterdir()) == ["in.mkv", "out.mkv"]
    assert [*theirs.iterdir(), *(tmp_path / "ours").iterdir()] == []


def _killed_once(board: Any, mark: str) -> dict[str, Any]:
    if not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"made": Made(node_id(), 5)}


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    seen: list[Mapping[str, Made]] = []
    run_tasks(ray, Needs(1 << 20), {"1/1": (str(tmp_path / "mark"),)}, seen.append, _killed_once)
    assert seen[-1]["1/1"].frames == 5
    assert [node["NodeID"] for node in ray.nodes()] == [seen[-1]["1/1"].node]
