"""Threads, a machine that is not idle, and the first frame: what the clock says, not the processor.

python benchmarks/busy.py [--size 640x360] [--frames 48] [--presets fast balanced] [--repeats 3]

Seconds for a clip at factor 2 with 1 thread, with as many as there are cores, and with as many beside another job that
multiplies matrices on as many threads; and for one chunk of 854x480 once all is loaded: its first frame, and all of
them. Each figure is the least of --repeats, runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from common import machine, table
from records import HOSTS, write_results

FACTOR, SHUTTER = 2, 0.6
CHUNK = "854x480"
_BUSY = "import torch\nx = torch.rand(600, 600)\nwhile True: x = (x @ x).div_(300)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--presets", nargs="+", default=["fast", "balanced"])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    rows, values = [], {}
    for preset in given.presets:
        clip = {"size": given.size, "frames": given.frames, "preset": preset}
        one, all_cores = (least(given.repeats, threads, **clip)["whole"] for threads in (1, cores))
        with another_job(cores):
            beside = least(given.repeats, cores, **clip)["whole"]
        chunk = least(given.repeats, cores, size=CHUNK, frames=0, preset=preset)
        values[preset] = {"one thread": one, "all cores": all_cores, "beside another job": beside, "chunk": chunk}
        first, whole = chunk["first"], chunk["whole"]
        cells = [one, all_cores, one / all_cores, beside, beside / all_cores, first, whole, first / whole]
        rows.append([preset, *(f"{x:.2f}" for x in cells)])
        print(*rows[-1], flush=True)
    head = [f"{given.size}, {given.frames} frames, s on the clock", "1 thread", f"{cores} threads", "gain"]
    head += ["beside another job", "of alone", f"{CHUNK}: first frame", "chunk", "first of chunk"]
    write_results("busy", {"machine": machine(), "seconds": values}, table(head, rows), HOSTS)


def least(repeats: int, threads: int, **job: Any) -> dict[str, float]:
    """The run that took the least time on the whole."""
    runs = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, __file__, "--job", json.dumps(job)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return dict(min(runs, key=lambda run: run["whole"]))


@contextmanager
def another_job(threads: int) -> Iterator[None]:
    """Another job that keeps so many threads busy."""
    job = subprocess.Popen([sys.executable, "-c", _BUSY], env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    try:
        time.sleep(5)  # until it is at work
        yield
    finally:
        job.kill()
        job.wait()


def run(size: str, frames: int, preset: str) -> dict[str, float]:
    """Seconds until the first picture and until the last one, of a chunk where ``frames`` is 0."""
    from vsdeblur.engine.chunks import chunk_windows
    from vsdeblur.engine.engine import Engine
    from vsdeblur.engine.grid import Grid, by_factor
    from vsdeblur.restore import TensorSource
    from vsdeblur.settings import parse_options
    from vsdeblur.streams import streamed_at_once
    from vsdeblur.synthetic.scene import Scene, film

    import torch  # isort: skip  # after the package, as in every face: then its threads sleep while they wait

    width, height = map(int, size.split("x"))
    options = parse_options(factor=FACTOR, shutter=SHUTTER, preset=preset, duplicates=False, device="cpu")
    engine = Engine(options, height, width, chunks_at_once=True)
    grid = Grid.of(engine.plan, options)
    count = frames or grid.length + 2 * grid.halo
    blurry = film(Scene(height, width), count, 4, SHUTTER, lambda light: light)[1]
    source = TensorSource(torch.from_numpy(blurry).permute(0, 3, 1, 2).float().div_(255))
    parts = list(chunk_windows(source, grid, options, by_factor(options)))
    if not frames:
        parts = [max(parts, key=lambda part: part.window.count)]
        sum(1 for _ in replace(parts[0]).restore(engine))  # loads what is loaded once
    begin, first = time.perf_counter(), 0.0
    for _ in streamed_at_once(lambda part: replace(part).restore(engine), parts, engine.plan.chunk_workers):
        first = first or time.perf_counter() - begin
    return {"first": first, "whole": time.perf_counter() - begin}


if __name__ == "__main__":
    if "--job" in sys.argv:
        print(json.dumps(run(**json.loads(sys.argv[2]))))
    else:
        main()
