"""A cluster of two nodes of one core each, as ``ray start`` makes them: the command finds it in both ways, and its
frames are those of a single run, also where a driver and a node are killed in the middle.

Skipped where Ray is not installed: ``uv run --group dev --extra cluster pytest tests/cluster``.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.pyav import decode, write_clip
from vsdeblur.filters.pyav import transcode
from vsdeblur.filters.pyav.stamps import exact

pytest.importorskip("ray")
pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(sys.platform == "win32", reason="Ray runs one node there")]
FRAMES, SEGMENTS = 200, 6
SETTINGS = {"preset": "fast", "shutter": 0.5, "crf": 0, "encoder_options": {"preset": "ultrafast"}}
OPTIONS = ["--factor=2", "--preset=fast", "--shutter=0.5", "--crf=0", "--encoder-option=preset=ultrafast", "--quiet"]
PORT = 25_001  # of Ray's client


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "memory": 4 << 30, "object_store_memory": 100 << 20, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "ray_client_server_port": PORT})
    nodes.add_node(**node)
    try:
        yield nodes
    finally:
        nodes.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("source") / "in.mkv", FRAMES, (96, 64))


@pytest.fixture(scope="module")
def alone(source: Path) -> str:
    target = source.with_name("alone.mkv")
    transcode(source, target, 2, **SETTINGS)
    return _frames(target)


def _frames(path: Path) -> str:
    digest, times = hashlib.sha256(), list[Fraction]()
    for frame in decode(path):
        digest.update(frame.to_ndarray().tobytes())
        times.append(frame.pts * exact(frame.time_base))
    assert len(times) == 2 * FRAMES
    return digest.hexdigest() + " ".join(map(str, times))


def _command(cluster: Any, source: Path, target: Path, where: str = "auto") -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "vsdeblur", "transcode", str(source), str(target), *OPTIONS]
    report = target.with_suffix(".json")
    environment = {**os.environ, "RAY_ADDRESS": cluster.address, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*words, "--cluster", where, "--report", str(report)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finished(process: subprocess.Popen[str], target: Path) -> dict[str, Any]:
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert out == "", "results belong there"
    return json.loads(target.with_suffix(".json").read_text())


def _records(target: Path) -> dict[str, int]:
    """The segments that are finished, each with the time at which it was."""
    folder = target.with_name(target.name + ".vsdeblur-parts")
    found = {}
    for path in folder.glob("*.json"):
        try:
            found[path.stem] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue  # removed, since the target is whole
    return found


def _wait_for_records(process: subprocess.Popen[str], target: Path, count: int) -> dict[str, int]:
    while len(found := _records(target)) < count:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    return found


def test_the_running_cluster_and_both_of_its_nodes(cluster: Any, source: Path, alone: str, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    report = _finished(_command(cluster, source, target), target)
    assert _frames(target) == alone
    assert len(report["nodes"]) == 2
    assert sum(report["nodes"].values()) == 2 * FRAMES


def test_by_the_client_of_ray(cluster: Any, source: Path, alone: str, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    report = _finished(_command(cluster, source, target, f"ray://127.0.0.1:{PORT}"), target)
    assert _frames(target) == alone
    assert sum(report["nodes"].values()) == 2 * FRAMES


def test_a_driver_that_is_killed_goes_on(cluster: Any, source: Path, alone: str, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    process = _command(cluster, source, target)
    there = _wait_for_records(process, target, 2)
    process.kill()
    process.communicate()
    process = _command(cluster, source, target)
    seen = _watched(process, target)
    report = _finished(process, target)
    assert _frames(target) == alone
    assert report["resumed"] >= sum(2 * FRAMES // SEGMENTS - 32 for _ in there)
    assert seen.items() >= there.items(), "a finished segment was made again"


def test_a_node_that_is_killed_is_replaced(cluster: Any, source: Path, alone: str, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    process = _command(cluster, source, target)
    there = _wait_for_records(process, target, 2)
    (raylet,) = cluster.list_all_nodes()[1].all_processes["raylet"]
    os.kill(raylet.process.pid, signal.SIGKILL)
    seen = _watched(process, target)
    report = _finished(process, target)
    assert len(report["warnings"]) == 1
    assert "is gone: what it was making is made again" in report["warnings"][0]
    assert _frames(target) == alone
    assert seen.items() >= there.items(), "a finished segment was made again"


def _watched(process: subprocess.Popen[str], target: Path) -> dict[str, int]:
    """Every segment with the time at which it was finished, until the process ends; none is finished twice."""
    seen: dict[str, int] = {}
    while process.poll() is None:
        for name, when in _records(target).items():
            assert seen.setdefault(name, when) == when, f"{name} was finished twice"
        time.sleep(0.02)
    return seen
