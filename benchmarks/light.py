"""Does light that changes stay within the exposures around it? Every change, shutter, preset and mode on tiny frames.

python benchmarks/light.py [--presets fast ...] [--modes joint ...] [--lights flash ...] [--speeds 0 4] [--name light]

A generated ground that a camera pans over, or that stands still, in light that changes as ``LIGHTS`` says. By how many
code values (of 255) the mean of an output leaves the range of the means of the two exposures around its instant: the
most of all shutters and speeds. Where the ground stands still, also the most by which any part of an output (the
means of squares of ``PART`` pixels) does.

With the modes that restore frames by themselves, each frame is also shaken across the pan. The blur is handed in: to
estimate it takes ten seconds a frame, and is not what is measured. It carries light across the edges of parts, so parts
of outputs are compared after they were shaken again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import product
from unittest.mock import patch

import torch
import torch.nn.functional as F
from common import machine, table
from records import HOSTS, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.settings import PRESETS
from vsdeblur.synthetic.lights import night

WIDTH, HEIGHT, FRAMES = 96, 64, 7
FINE = 16  # instants of a period
SHAKE = 9  # pixels
PART = 16
FACTOR = 2
SHUTTERS = (0.1, 0.3, 0.5, 0.8, 1.0)
MODES = ("joint", "auto", "frame")
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
}


def filmed(light: str, shutter: float, speed: float, shaken: bool) -> Tensor:
    """(FRAMES, 3, HEIGHT, WIDTH), as sRGB stores them in 8 bits."""
    times = [n + (k + 0.5) / FINE * shutter for n in range(FRAMES) for k in range(FINE)]
    ground = BRIGHTEST * night(times, [], (HEIGHT, WIDTH), (speed, 0.0))
    exposed = ground.reshape(FRAMES, FINE, 3, HEIGHT, WIDTH).mean(1)
    if shaken:
        exposed = shake(exposed)
    lit = exposed * torch.tensor(LIGHTS[light])[:, None, None, None]
    if light == "lightning":  # from one side
        lit = lit * torch.linspace(1, 0.3, WIDTH)
    return (from_linear(lit, "srgb").clamp(0, 1) * 255).round() / 255


def shake(light: Tensor) -> Tensor:
    """Of frames (n, 3, HEIGHT, WIDTH)."""
    return F.avg_pool2d(F.pad(light, (0, 0, SHAKE // 2, SHAKE // 2), mode="reflect"), (SHAKE, 1), stride=1)


def known_blur(shutter: float, speed: float) -> UniformBlur:
    """That of frames which are shaken."""
    moved = max(round(shutter * speed) | 1, 1)
    kernel = torch.zeros(SHAKE, SHAKE)
    kernel[:, SHAKE // 2 - moved // 2 : SHAKE // 2 + moved // 2 + 1] = 1 / (SHAKE * moved)
    return UniformBlur(kernel, (HEIGHT, WIDTH))


def excess(values: Tensor, v: Tensor, shutter: float) -> float:
    """Code values by which outputs (T, ...) leave the range of the exposures (n, ...) around them, at most."""
    most = 0.0
    for j, value in enumerate(values):
        t = (j + 0.5) / FACTOR
        n = int(t)
        other = min(max(n + 1 if t - n > shutter / 2 else n - 1, 0), len(v) - 1)
        low, high = torch.minimum(v[n], v[other]), torch.maximum(v[n], v[other])
        most = max(most, float((low - value).max()), float((value - high).max()))
    return 255 * most


def measured(light: str, preset: str, mode: str, shutter: float, speed: float) -> tuple[float, float]:
    """The excess of whole outputs, and of their parts where nothing moves, 0 where something does."""
    v = filmed(light, shutter, speed, shaken=mode != "joint")
    with patch("vsdeblur.blind.estimate.confidence.ConfidenceGate.__call__", lambda *_: known_blur(shutter, speed)):
        u = restore(v, FACTOR, shutter=shutter, preset=preset, mode=mode, transfer="srgb", device="cpu")
    whole = excess(u.mean((1, 2, 3)), v.mean((1, 2, 3)), shutter)
    if speed:
        return whole, 0.0
    seen = u if mode == "joint" else from_linear(shake(to_linear(u, "srgb")), "srgb")
    return whole, excess(F.avg_pool2d(seen, PART), F.avg_pool2d(v, PART), shutter)


def cases(given: argparse.Namespace) -> Iterator[tuple[float, float]]:
    """(shutter, speed): of what stands still one shutter is as good as another."""
    for speed in given.speeds:
        yield from ((shutter, speed) for shutter in (given.shutters if speed else given.shutters[:1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lights", nargs="+", choices=LIGHTS, default=list(LIGHTS))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--shutters", nargs="+", type=float, default=list(SHUTTERS))
    parser.add_argument("--speeds", nargs="+", type=float, default=[4.0, 0.0], help="pixels a frame")
    parser.add_argument("--name", default="light")
    given = parser.parse_args()

    columns = list(product(given.modes, given.presets))
    rows, values = [], []
    for light in given.lights:
        cells = []
        for mode, preset in columns:
            begin = time.process_time()
            found = {case: measured(light, preset, mode, *case) for case in cases(given)}
            whole, parts = (max(pair[k] for pair in found.values()) for k in (0, 1))
            cells.append(f"{whole:.2f}, {parts:.2f}")
            for (shutter, speed), (most, part) in found.items():
                where = {"light": light, "mode": mode, "preset": preset, "shutter": shutter, "speed": speed}
                values.append({**where, "whole": most, "parts": part})
            print(light, mode, preset, cells[-1], f"{time.process_time() - begin:.0f} s", flush=True)
        rows.append([light, *cells])
    head = ["code values: whole, parts at rest", *(f"{mode}, {preset}" for mode, preset in columns)]
    write_results(given.name, {"machine": machine(), "cases": values}, table(head, rows), HOSTS)


if __name__ == "__main__":
    main()
