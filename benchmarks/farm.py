"""What a cluster of Ray wins, and what a kill costs: one run, one node and two nodes of one core each on this machine.

python benchmarks/farm.py [CLIP] [--seconds 20] [--width 640] [--factor 2] [--preset fast] [--name farm]

- The clip is the first seconds of CLIP, or a texture that slides by, 16:9 and 30 fps. It is encoded without loss, so
  that decoded frames can be compared by their SHA-256.
- Each node is pinned to a core of its own, and the single run to the first.
- Seconds are those of ``vsdeblur transcode`` on the clock, its start included; the nodes run already and have made a
  segment of another clip, as on a farm that is in use. They need a machine that does nothing else.
- A node, and then a driver, are ended by SIGKILL when a third of the segments are finished. Lost are segments that were
  finished before and were made again, and those that were being made at that moment.

Needs the extra cluster: uv run --group dev --extra cluster python benchmarks/farm.py
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import psutil
from common import RATE, Pan, machine, table
from records import HOSTS, write_results

_PROGRAM = [sys.executable, "-m", "vsdeblur"]
_NODE = {"num_cpus": 1, "memory": 6 << 30, "object_store_memory": 100 << 20, "include_dashboard": False}
_ALONE = {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}  # of all processes


class Run(NamedTuple):
    """seconds: on the clock. frames: SHA-256 of all decoded frames. again: finished segments that were made again.

    making: segments that were being made when something was killed; None where nothing was.
    """

    seconds: float
    frames: str
    again: int = 0
    making: int | None = None


def frames_of(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()


def made_clip(path: Path, width: int, seconds: float) -> None:
    height = width * 9 // 16 // 2 * 2
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in Pan(width, height, round(seconds * RATE)):
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


@contextmanager
def nodes(count: int) -> Iterator[list[Any]]:
    """Nodes of one core each, the first ``count`` of this process."""
    from ray.cluster_utils import Cluster

    cores = os.sched_getaffinity(0)
    cluster: Any = Cluster()
    made: list[Any] = []
    try:
        for core in islice(cycle(sorted(cores)), count):
            os.sched_setaffinity(0, {core})  # of what is started from here on
            made.append(cluster.add_node(**_NODE))
        os.sched_setaffinity(0, cores)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield made
    finally:
        os.sched_setaffinity(0, cores)
        os.environ.pop("RAY_ADDRESS", None)
        cluster.shutdown()


def start(words: Sequence[str], alone: bool = False) -> subprocess.Popen[bytes]:
    pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if alone else []
    return subprocess.Popen([*pinned, *_PROGRAM, "transcode", *words, "--overwrite", "--quiet"])


def finished(process: subprocess.Popen[bytes]) -> None:
    if process.wait():
        raise RuntimeError("the command failed")


def records(target: Path) -> dict[str, int]:
    """The segments that are finished, each with the time at which it was."""
    found = {}
    for path in target.with_name(target.name + ".vsdeblur-parts").glob("*.json"):
        try:
            found[path.stem] = path.stat().st_mtime_ns
        except FileNotFoundError:  # the target is whole by now
            continue
    return found


def killed(words: Sequence[str], target: Path, third: int, node: Any = None) -> Run:
    """node: what is killed; None for the driver, which is started again."""
    began = time.perf_counter()
    process = start(words)
    while len(there := records(target)) < third:
        if process.poll() is not None:
            raise RuntimeError("it ended before it could be killed")
        time.sleep(0.02)
    making = sum("ray::make_segment" in " ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))
    if node is not None:
        (raylet,) = node.all_processes["raylet"]
        os.kill(raylet.process.pid, signal.SIGKILL)
        making = min(making, 1)  # on that node
    else:
        process.kill()
        process.wait()
        process = start(words)
    seen: dict[str, int] = dict(there)
    again = 0
    while process.poll() is None:
        for name, when in records(target).items():
            again += seen.get(name, when) != when
            seen[name] = when
        time.sleep(0.02)
    finished(process)
    return Run(time.perf_counter() - began, frames_of(target), again, making)


def timed(words: Sequence[str], target: Path, alone: bool = False) -> Run:
    began = time.perf_counter()
    finished(start(words, alone))
    return Run(time.perf_counter() - began, frames_of(target))


def said(name: str, run: Run) -> Run:
    print(name, f"{run.seconds:.1f} s, {run.again} made again, {run.making} being made", sep=": ", flush=True)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--factor", default="2")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--name", default="farm")
    given = parser.parse_args()
    os.environ.update(_ALONE)
    found: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as folder:
        made, target, small = (Path(folder) / name for name in ("made.mkv", "out.mkv", "small.mkv"))
        made_clip(small, 64, 2)
        if given.clip is None:
            made_clip(made, given.width, given.seconds)
        clip = given.clip or made
        chosen = [f"--factor={given.factor}", f"--preset={given.preset}", "--shutter=0.5"]
        coded = ["--codec=libx264", "--crf=0", "--encoder-option=preset=ultrafast"]
        words = [str(clip), str(target), *chosen, *coded, f"--duration={given.seconds:g}"]
        found["single run, one core"] = said("single run", timed(words, target, alone=True))
        frames = av.open(str(clip)).streams.video[0].frames or round(given.seconds * RATE)
        third = max(frames // 32 // 3, 1)
        for count in (1, 2):
            with nodes(count) as made_nodes:
                shared = [*words, "--cluster=auto"]
                finished(start([str(small), str(target), *chosen, *coded, "--cluster=auto"]))
                found[f"cluster, {count} x one core"] = said(f"{count} nodes", timed(shared, target))
                if count == 2:
                    found["the same, a driver killed"] = said("driver killed", killed(shared, target, third))
                    found["the same, a node killed"] = said("node killed", killed(shared, target, third, made_nodes[1]))
    one, single = found["cluster, 1 x one core"].seconds, found["single run, one core"]
    rows = [
        [
            name,
            f"{run.seconds:.1f}",
            f"{one / run.seconds:.2f}",
            "yes" if run.frames == single.frames else "no",
            "" if run.making is None else f"{run.again} + {run.making}",
        ]
        for name, run in found.items()
    ]
    text = f"{given.seconds:g} s, preset {given.preset}, factor {given.factor}, load {os.getloadavg()[0]:.1f}\n\n"
    head = [clip.stem, "seconds", "one node over it", "same frames", "lost segments: finished + being made"]
    values = {name: run._asdict() for name, run in found.items()}
    loads = {"machine": machine(), "load": os.getloadavg()}
    write_results(given.name, {**loads, "runs": json.loads(json.dumps(values))}, text + table(head, rows), HOSTS)


if __name__ == "__main__":
    main()
