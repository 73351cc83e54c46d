"""Does light that changes stay within the exposures around it? Every change, shutter, preset and mode on tiny frames.

python benchmarks/light.py [--presets fast ...] [--modes joint ...] [--lights flash ...] [--shutters 0.5 ...]
    [--speeds 0 4] [--factors 2] [--log FILE] [--name light]

A generated ground that a camera pans over, or that stands still, in light that changes as ``LIGHTS`` says. By how many
code values (of 255) the mean of an output leaves the range of the means of the two exposures around its instant: the
most of all shutters, speeds and factors. Where the ground stands still, also the most by which any part of an output
(the means of squares of ``PART`` pixels) does.

"tiles" is the mode "joint" in tiles of ``TILE`` pixels. With the modes that restore frames by themselves, each frame is
also shaken across the pan. The blur is handed in: to estimate it takes ten seconds a frame, and is not what is
measured. It carries light across the edges of parts, so parts of outputs are compared after they were shaken again.

All of it takes a quarter of an hour of a processor. With a log a line is added to it for each case, cases that it has
are not measured again, and the results are those of all cases in it. Delete the log when the code changes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from pathlib import Path
from unittest.mock import patch

import torch
import torch.nn.functional as F
from common import machine, table
from records import HOSTS, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import solve_tiles
from vsdeblur.engine.plan import Plan
from vsdeblur.engine.solve_tiles import tiling
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import PRESETS
from vsdeblur.synthetic.lights import night

WIDTH, HEIGHT, FRAMES = 96, 64, 7
TILE = 48  # pixels, the least there is: two tiles
FINE = 16  # instants of a period
SHAKE = 9  # pixels
PART = 16
SHUTTERS = (0.1, 0.25, 0.5, 0.75, 1.0)
MODES = ("joint", "tiles", "auto", "frame")
BRIGHTEST = 3.5  # of the ground of ``night``, so that it nearly reaches white
LIGHTS = {  # gains of the frames, in light
    "flash": (0.08, 0.08, 0.08, 1, 0.08, 0.08, 0.08),
    "dark frame": (1, 1, 1, 0.03, 1, 1, 1),
    "strobe": (1, 0.06, 1, 0.06, 1, 0.06, 1),
    "lights off": (1, 1, 1, 1, 0.02, 0.02, 0.02),
    "lights on": (0.02, 0.02, 0.02, 1, 1, 1, 1),
    "fade to black": (1, 0.65, 0.4, 0.2, 0.08, 0.015, 0),
    "fade from black": (0, 0.02, 0.1, 0.25, 0.45, 0.7, 1),
    "lightning": (0.05, 0.05, 0.6, 0.15, 1, 0.3, 0.05),
    "flicker": (0.6, 0.53, 0.6, 0.53, 0.6, 0.53, 0.6),
    "lamp": (0, 0, 1, 0, 1, 1, 0),  # of a lamp, over light that stays
}
STAYS = 0.3  # what it is over

Case = tuple[str, str, str, float, float, str]  # light, mode, preset, shutter, speed, factor


def filmed(light: str, shutter: float, speed: float, shaken: bool) -> Tensor:
    """(FRAMES, 3, HEIGHT, WIDTH), as sRGB stores them in 8 bits."""
    times = [n + (k + 0.5) / FINE * shutter for n in range(FRAMES) for k in range(FINE)]
    ground = BRIGHTEST * night(times, [], (HEIGHT, WIDTH), (speed, 0.0))
    exposed = ground.reshape(FRAMES, FINE, 3, HEIGHT, WIDTH).mean(1)
    if shaken:
        exposed = shake(exposed)
    changed = exposed * across(light, torch.tensor(LIGHTS[light])[:, None, None, None])
    return (from_linear(changed, "srgb").clamp(0, 1) * 255).round() / 255


def across(light: str, gains: Tensor) -> Tensor:
    """Gains (FRAMES, 1, 1, 1) as they are across the picture."""
    x = (torch.arange(WIDTH) + 0.5) / WIDTH
    if light == "lightning":  # from one side
        return gains * (1 - 0.7 * x)
    if light == "lamp":
        return STAYS + (1 - STAYS) * gains * (-(((x - 0.3) / 0.2) ** 2)).exp()
    return gains


def shake(light: Tensor) -> Tensor:
    """Of frames (n, 3, HEIGHT, WIDTH)."""
    return F.avg_pool2d(F.pad(light, (0, 0, SHAKE // 2, SHAKE // 2), mode="reflect"), (SHAKE, 1), stride=1)


def known_blur(shutter: float, speed: float) -> UniformBlur:
    """That of frames which are shaken."""
    moved = max(round(shutter * speed) | 1, 1)
    kernel = torch.zeros(SHAKE, SHAKE)
    kernel[:, SHAKE // 2 - moved // 2 : SHAKE // 2 + moved // 2 + 1] = 1 / (SHAKE * moved)
    return UniformBlur(kernel, (HEIGHT, WIDTH))


def excess(values: Tensor, v: Tensor, factor: Fraction, shutter: float) -> float:
    """Code values by which outputs (T, ...) leave the range of the exposures (n, ...) around them, at most."""
    most = 0.0
    for j, value in enumerate(values):
        t = j + shutter / 2 if factor == 1 else float((j + Fraction(1, 2)) / factor)
        n = int(t)
        other = min(max(n + 1 if t - n > shutter / 2 else n - 1, 0), len(v) - 1)
        low, high = torch.minimum(v[n], v[other]), torch.maximum(v[n], v[other])
        most = max(most, float((low - value).max()), float((value - high).max()))
    return 255 * most


def measured(light: str, preset: str, mode: str, shutter: float, speed: float, factor: Fraction) -> tuple[float, float]:
    """The excess of whole outputs, and of their parts where nothing moves, 0 where something does."""
    alone = mode in ("auto", "frame")
    v = filmed(light, shutter, speed, shaken=alone)
    with (
        patch("vsdeblur.blind.estimate.confidence.ConfidenceGate.__call__", lambda *_: known_blur(shutter, speed)),
        patch.object(solve_tiles, "tiling", in_tiles if mode == "tiles" else tiling),
    ):
        solved = mode if alone else "joint"
        u = restore(v, factor, shutter=shutter, preset=preset, mode=solved, transfer="srgb", device="cpu")
    whole = excess(u.mean((1, 2, 3)), v.mean((1, 2, 3)), factor, shutter)
    if speed:
        return whole, 0.0
    seen = from_linear(shake(to_linear(u, "srgb")), "srgb") if alone else u
    return whole, excess(F.avg_pool2d(seen, PART), F.avg_pool2d(v, PART), factor, shutter)


def in_tiles(plan: Plan, motion: Motion) -> tuple[int, int]:
    """As ``solve_tiles.tiling``, but small."""
    return TILE, tiling(plan, motion)[1]


def cases(given: argparse.Namespace) -> Iterator[tuple[float, float, Fraction]]:
    """(shutter, speed, factor): of what stands still one shutter is as good as another."""
    for speed, factor in product(given.speeds, given.factors):
        yield from ((shutter, speed, factor) for shutter in (given.shutters if speed else given.shutters[:1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lights", nargs="+", choices=LIGHTS, default=list(LIGHTS))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--shutters", nargs="+", type=float, default=list(SHUTTERS))
    parser.add_argument("--speeds", nargs="+", type=float, default=[4.0, 0.0], help="pixels a frame")
    parser.add_argument("--factors", nargs="+", type=Fraction, default=[Fraction(2)])
    parser.add_argument("--log", type=Path)
    parser.add_argument("--name", default="light")
    given = parser.parse_args()

    done = read(given.log)
    asked = list(product(given.lights, given.modes, given.presets, cases(given)))
    for light, mode, preset, (shutter, speed, factor) in asked:
        if (case := (light, mode, preset, shutter, speed, str(factor))) not in done:
            begin = time.process_time()
            done[case] = measured(light, preset, mode, shutter, speed, factor)
            print(*case, *(f"{code:.2f}" for code in done[case]), f"{time.process_time() - begin:.1f} s", flush=True)
            if given.log:
                with given.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps([case, done[case]]) + "\n")
    columns = [pair for pair in product(MODES, PRESETS) if any(case[1:3] == pair for case in done)]
    rows = [
        [light, *(cell([found for case, found in done.items() if case[:3] == (light, *pair)]) for pair in columns)]
        for light in LIGHTS
        if any(case[0] == light for case in done)
    ]
    head = ["code values: whole, parts at rest (cases)", *(f"{mode}, {preset}" for mode, preset in columns)]
    names = ("light", "mode", "preset", "shutter", "speed", "factor")
    values = [
        {**dict(zip(names, case, strict=True)), "whole": whole, "parts": parts} for case, (whole, parts) in done.items()
    ]
    write_results(given.name, {"machine": machine(), "cases": values}, table(head, rows), HOSTS)


def read(log: Path | None) -> dict[Case, tuple[float, float]]:
    """What was measured of the cases in a log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log and log.exists() else []
    return {tuple(case): (whole, parts) for case, (whole, parts) in map(json.loads, lines)}


def cell(found: list[tuple[float, float]]) -> str:
    """The most of both, and of how many cases."""
    most = ", ".join(f"{max(pair[k] for pair in found):.2f}" for k in (0, 1)) if found else ""
    return f"{most} ({len(found)})" if found else ""


if __name__ == "__main__":
    main()
