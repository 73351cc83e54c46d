"""Peak memory of the filter at given budgets: 1080p at 8 times the rate, each in a fresh process.

python benchmarks/memory.py [--budgets 1GiB 2GiB 4GiB] [--size 1920x1080] [--factor 8] [--frames 12]
"""

from __future__ import annotations

import argparse

from common import Job, machine, measure, table, write_results

from vsdeblur.errors import MemoryBudgetError
from vsdeblur.options import PRESETS, parse_memory, parse_options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", nargs="+", default=["1GiB", "2GiB", "4GiB"])
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--name", default="memory", help="of the result files")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))

    rows, values = [], []
    for budget in given.budgets:
        size = parse_memory(budget)
        assert size is not None
        planned = plan_peak(width, height, given.factor, given.preset, budget)
        if planned is None:
            rows.append([budget, "refused", "", "", ""])
            continue
        job = Job(width, height, given.frames, given.factor, given.preset, budget)
        seen = measure(job)
        values.append({"budget": size, "planned": planned, "peak": seen.peak, "seconds": seen.seconds})
        inside = "yes" if seen.peak <= size else "NO"
        speed = f"{seen.per_megapixel(job):.3f}"
        rows.append([budget, f"{planned / 2**20:.0f}", f"{seen.peak / 2**20:.0f}", inside, speed])
    head = ["budget", "planned, MiB", "peak growth, MiB", "within", "s per output Mpx"]
    text = f"{width}x{height}, factor {given.factor}, preset {given.preset}\n\n" + table(head, rows)
    write_results(given.name, {"machine": machine(), "size": given.size, "runs": values}, text)


def plan_peak(width: int, height: int, factor: int, preset: str, budget: str) -> int | None:
    """What the engine plans for, None where it refuses the budget."""
    from vsdeblur.engine import Engine

    options = parse_options(factor=factor, shutter=0.5, preset=preset, max_memory=budget)
    try:
        return Engine(options, height, width, 3, host_bytes=width * height * 3 // 2).plan.peak_bytes
    except MemoryBudgetError as error:
        print(error)
        return None


if __name__ == "__main__":
    main()
