"""The native kernels against torch, on one core in the same run: each operation, and whole restorations.

python benchmarks/native.py [--presets fast balanced best] [--size 256] [--repeats 3]

Operations: nanoseconds of processor time per pixel of a 640x480 RGB picture, along an exposure also per instant (8 of
them). Restorations: processor seconds on a generated clip, PSNR of each, and how far apart the two are. Runs of both
kinds take turns, and the fastest counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from common import machine, table
from records import SCENES, write_results
from torch import Tensor

from vsdeblur.flow.paths import Paths
from vsdeblur.flow.warp import sample, sample_adjoint, sampling_grid
from vsdeblur.settings import PRESETS

HEIGHT, WIDTH, INSTANTS = 480, 640, 8
NAMES = ("torch", "native")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", choices=PRESETS, nargs="*", default=list(PRESETS))
    parser.add_argument("--size", type=int, default=256, help="of the clip, pixels along a side")
    parser.add_argument("--periods", type=int, default=5, help="of the clip")
    parser.add_argument(
        "--repeats", type=int, default=3, help="of each restoration; operations are repeated 5 times as often"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)

    with torch.inference_mode():
        calls = operations()
        times = {name: [t / count for t in compared(call, 5 * given.repeats)] for name, (call, count) in calls.items()}
    rows = [
        [name, *(f"{t / (HEIGHT * WIDTH) * 1e9:.1f}" for t in pair), f"{pair[0] / pair[1]:.1f}"]
        for name, pair in times.items()
    ]
    parts = [table(["640x480 RGB, ns per pixel", *NAMES, "times as fast"], rows)]
    values: dict[str, Any] = {"machine": machine(), "operations": times, "restorations": {}}
    lines = []
    for preset in given.presets:
        found = restorations(preset, given.size, given.periods, given.repeats)
        values["restorations"][preset] = found
        slow, fast = found["seconds"]
        lines.append([preset, f"{slow:.2f}", f"{fast:.2f}", f"{slow / fast:.2f}", *(f"{q:.2f}" for q in found["psnr"])])
        lines[-1].append(f"{found['rms']:.1e}")
    if lines:
        head = [f"{given.size}x{given.size}, x8, CPU s", *NAMES, "times as fast"]
        parts.append(table([*head, "dB, torch", "dB, native", "rms difference"], lines))
    write_results("native", values, "\n\n".join(parts), SCENES)


def operations() -> dict[str, tuple[Callable[[], object], int]]:
    """Calls, and by how many instants their time is divided."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 4, 8, 8, generator=rng) * torch.tensor([6.0, 6.0, 2.0, 2.0]).view(1, 4, 1, 1)
    path = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")
    picture = torch.rand(1, 3, HEIGHT, WIDTH, generator=rng)
    grid, paths = sampling_grid(path[:, :2]), Paths(path)
    at = paths.at(0, tuple((q + 0.5) / INSTANTS - 0.5 for q in range(INSTANTS)), sign=-1)

    def prepared(call: Callable[[Paths], Callable[[], object]]) -> Callable[[], object]:
        """A call on points that are made once for torch and once for the kernels."""
        made: dict[type, Callable[[], object]] = {}

        def run() -> object:
            kind = type(paths.no_points(picture[..., :2, :2]))
            if kind not in made:
                made[kind] = call(paths)
            return made[kind]()

        return run

    def mean(paths: Paths) -> Callable[[], Tensor]:
        points = paths.points(picture)
        return lambda: points.mean(at)

    def spread(paths: Paths) -> Callable[[], None]:
        onto = paths.no_points(picture)
        return lambda: onto.spread(picture, at)

    def exposure() -> Tensor:
        onto = paths.no_points(picture)
        onto.spread(paths.points(picture).mean(at), at)
        return onto.gathered()

    return {
        "mean along a path, per instant": (prepared(mean), INSTANTS),
        "its transpose, per instant": (prepared(spread), INSTANTS),
        "exposure and transpose, points made, per instant": (exposure, INSTANTS),
        "linear warp": (lambda: sample(picture, grid, "bilinear"), 1),
        "its transpose": (lambda: sample_adjoint(picture, grid, "bilinear"), 1),
        "cubic warp": (lambda: sample(picture, grid), 1),
        "its transpose ": (lambda: sample_adjoint(picture, grid), 1),
    }


def restorations(preset: str, size: int, periods: int, repeats: int) -> dict[str, Any]:
    """The demo's scene through a shutter that is always open, restored at factor 8."""
    from vsdeblur import restore
    from vsdeblur.bench.measures.psnr import mean_psnr
    from vsdeblur.synthetic.scene import Scene, film

    sharp, blurry = film(Scene(size, size), periods, 8, 1.0, lambda light: light ** (1 / 2.2))
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    results: list[Tensor] = []

    def job() -> None:
        results.append(restore(v, factor=8, shutter=1.0, transfer="linear", preset=preset, quadrature="taps"))

    seconds = compared(job, repeats)
    a, b = results[-2:]
    values = [u.clamp(0, 1).mul(255).permute(0, 2, 3, 1).numpy() for u in (a, b)]
    psnr = [mean_psnr(u, sharp, 8) for u in values]
    return {"seconds": seconds, "psnr": psnr, "rms": float((a - b).square().mean().sqrt())}


def compared(call: Callable[[], object], repeats: int) -> list[float]:
    """Processor seconds of a call with torch alone and with the kernels, the least of ``repeats`` runs by turns."""
    times: list[list[float]] = [[], []]
    for k in range(repeats + 1):  # the first loads what is loaded once
        with patch("vsdeblur.native.kernels.library", lambda: None):
            times[0].append(timed(call))
        times[1].append(timed(call))
        if k == 0 and repeats > 0:
            times = [[], []]
    return [min(each) for each in times]


def timed(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
