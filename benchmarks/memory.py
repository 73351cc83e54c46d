"""Peak memory of the filter at given budgets: 1080p at 8 times the rate, each in a fresh process.

python benchmarks/memory.py [--budgets 1GiB 2GiB 4GiB] [--hosts pyav vapoursynth] [--size 1920x1080] [--factor 8]
                            [--chunks 3] [--frames N] [--speed 24] [--repeats 3] [--steps 1]
                            [--priors none tv video fastdvdnet deepinv:DRUNet]

Memory does not depend on the solver's steps: fewer than the preset's take less time, and with --steps a prior looks
once rather than three times. Networks that do not come with the project are measured untrained.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

from common import Job, machine, measure, table
from records import HOSTS, write_results

from vsdeblur.engine.plan import Plan
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.settings import PRESETS, checked, parse_options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", nargs="+", default=["1GiB", "2GiB", "4GiB"])
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--hosts", nargs="+", choices=["pyav", "vapoursynth"], default=["pyav", "vapoursynth"])
    parser.add_argument("--chunks", type=int, default=3, help="length of the clip in chunks of the plan")
    parser.add_argument("--frames", type=int, default=None, help="length of the clip instead of --chunks")
    parser.add_argument("--priors", nargs="+", default=["none"])
    parser.add_argument("--speed", type=int, default=24, help="of the picture, pixels a frame")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None, help="of the solver instead of the preset's")
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--name", default="memory", help="of the result files")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))

    rows, values = [], []
    for budget, host, prior in product(given.budgets, given.hosts, given.priors):
        size = checked("max_memory", budget)
        assert size is not None
        path = checkpoint(prior)
        plan = plan_for(width, height, given.factor, given.preset, budget, path)
        label = f"{host}, {budget}" + ("" if prior == "none" else f", {prior}")
        if plan is None:
            rows.append([label, "refused"] + [""] * 4)
            continue
        frames = given.frames or given.chunks * plan.chunk
        job = Job(
            width,
            height,
            frames,
            given.factor,
            given.preset,
            budget,
            host=host,
            speed=given.speed,
            steps=given.steps,
            prior=path,
        )
        runs = [measure(job) for _ in range(given.repeats)]
        peaks = [run.peak for run in runs]
        values.append(
            {
                "host": host,
                "prior": prior,
                "frames": frames,
                "budget": size,
                "planned": plan.peak_bytes,
                "peaks": peaks,
                "seconds": [run.seconds for run in runs],
            }
        )
        inside = "yes" if max(peaks) <= size else "NO"
        found = " ".join(f"{peak / 2**20:.0f}" for peak in peaks)
        ratio = f"{plan.peak_bytes / max(*peaks, 1):.2f}"
        shape = f"{plan.chunk}, {plan.tile}"
        rows.append([label, shape, f"{plan.peak_bytes / 2**20:.0f}", found, inside, ratio])
    head = ["host, budget", "chunk, tile", "planned, MiB", "peak growth, MiB", "within", "planned / largest"]
    steps = "" if given.steps is None else f", {given.steps} solver step(s) instead of the preset's"
    length = f"{given.frames} frames" if given.frames else f"{given.chunks} chunks"
    text = f"{width}x{height}, factor {given.factor}, preset {given.preset}{steps}, {length}\n\n"
    write_results(
        given.name,
        {"machine": machine(), "size": given.size, "steps": given.steps, "runs": values},
        text + table(head, rows),
        HOSTS,
    )


def checkpoint(prior: str) -> str | None:
    """What the filter takes for a prior's name: with the path of an untrained checkpoint where it wants one."""
    import torch

    if prior in ("none", "tv", "video"):
        return None if prior == "none" else prior
    if prior == "fastdvdnet":
        from vsdeblur.priors.fastdvdnet import FastDvdNet

        network = FastDvdNet()
    else:
        import deepinv

        network = getattr(deepinv.models, prior.removeprefix("deepinv:"))(pretrained=None)
    path = Path(tempfile.mkdtemp()) / "untrained.pth"
    torch.save(network.state_dict(), path)
    return f"{prior}:{path}"


def plan_for(width: int, height: int, factor: int, preset: str, budget: str, prior: str | None = None) -> Plan | None:
    """What the engine plans, None where it refuses the budget."""
    from vsdeblur.engine.engine import Engine

    options = parse_options(factor=factor, shutter=0.5, preset=preset, max_memory=budget, prior=prior)
    try:
        return Engine(options, height, width, 3, host_bytes=width * height * 3 // 2, chunks_at_once=True).plan
    except MemoryBudgetError as error:
        print(error)
        return None


if __name__ == "__main__":
    main()
