"""How time and memory grow: with the size of the picture, and with the length of the clip.

python benchmarks/growth.py [--preset fast] [--heights 240 360 480 720 1080] [--seconds 2 5 15 60]

Both should be flat: time per output megapixel within 35% from 240p to 1080p and from 2 s to 60 s of 240p at twice the
rate; memory of 60 s within 5% of that of 5 s. Heights are compared twice: at the same motion in pixels, and at motion
that grows with the picture, as that of one scene does. Time is the processor's; peak memory is of a process each.
"""

from __future__ import annotations

import argparse

from common import RATE, Job, Measured, machine, measure, table
from records import HOSTS, write_results

from vsdeblur.settings import PRESETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="fast")
    parser.add_argument("--heights", type=int, nargs="*", default=[240, 360, 480, 720, 1080])
    parser.add_argument("--seconds", type=float, nargs="*", default=[2, 5, 15, 60])
    parser.add_argument("--frames", type=int, default=16, help="source frames for each height")
    parser.add_argument("--length-height", type=int, default=240, help="picture height for the lengths")
    parser.add_argument("--hosts", nargs="+", choices=["pyav", "vapoursynth"], default=["pyav"], help="for the lengths")
    parser.add_argument("--max-memory", default=None)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each height; the fastest counts")
    parser.add_argument("--name", default="growth", help="of the result files")
    given = parser.parse_args()

    def job(height: int, frames: int, speed: int = 6, host: str = "pyav") -> Job:
        return Job(width_of(height), height, frames, 2, given.preset, given.max_memory, host=host, speed=speed)

    def best(one: Job) -> tuple[Job, Measured]:
        return one, min((measure(one) for _ in range(given.repeats)), key=lambda run: run.seconds)

    groups: dict[str, Runs] = {
        "6 px a frame": {f"{height}p": best(job(height, given.frames)) for height in given.heights},
        "motion scaled": {
            f"{height}p, {height // 60} px": best(job(height, given.frames, height // 60)) for height in given.heights
        },
    }
    for host in given.hosts:
        jobs = {f"{s:g} s": job(given.length_height, round(s * RATE), host=host) for s in given.seconds}
        groups[f"{given.length_height}p, {host}"] = {name: (one, measure(one)) for name, one in jobs.items()}

    parts = []
    for title, runs in groups.items():
        if not runs:
            continue
        speeds = [seen.per_megapixel(one) for one, seen in runs.values()]
        peaks = [seen.peak for _, seen in runs.values()]
        parts.append(table([f"{title}, x2, {given.preset}", "s per output Mpx", "peak growth, MiB"], lines(runs)))
        parts.append(
            f"Slowest over fastest: {max(speeds) / min(speeds):.2f}. Largest over smallest peak: "
            f"{max(peaks) / max(min(peaks), 1):.2f}."
        )
    values = {"machine": machine(), **{title: as_values(runs) for title, runs in groups.items()}}
    write_results(given.name, values, "\n\n".join(parts), HOSTS)


Runs = dict[str, tuple[Job, Measured]]


def width_of(height: int) -> int:
    return round(height * 16 / 9 / 2) * 2


def lines(runs: Runs) -> list[list[str]]:
    return [[name, f"{seen.per_megapixel(one):.3f}", f"{seen.peak / 2**20:.0f}"] for name, (one, seen) in runs.items()]


def as_values(runs: Runs) -> dict[str, dict[str, float]]:
    return {
        name: {"seconds": seen.seconds, "seconds_per_megapixel": seen.per_megapixel(one), "peak_bytes": seen.peak}
        for name, (one, seen) in runs.items()
    }


if __name__ == "__main__":
    main()
