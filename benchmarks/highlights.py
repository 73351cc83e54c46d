"""Moving lights that clip: restored with and without telling clipped values from others.

python benchmarks/highlights.py [--preset fast]

Generated night scenes; a sensor that clips at white, 8 bits. Restored and true frames are compared as a display shows
them (clamped to [0, 1]), the first and the last period left out.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

from common import machine, psnr, table
from records import SCENES, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.engine import solve_tiles as key_frames
from vsdeblur.solver.highlights import white_level
from vsdeblur.synthetic.lights import Light, clipped, night

FINE, PERIODS, FACTOR = 16, 5, 4
SIZE = (96, 160)
THREE = (Light(30, 40, 2.0, 8.0), Light(90, 60, 3.0, 4.0), Light(120, 25, 1.2, 20.0))
LARGE = (Light(30, 40, 2.5, 3.0), Light(90, 60, 5.0, 2.0), Light(120, 25, 1.5, 10.0))
PASSING = (Light(50, 50, 2.0, 6.0, (10.0, -2.0)), Light(100, 30, 3.0, 4.0, (10.0, -2.0)))
CASES = {
    "small lights, shutter 1": (THREE, (9.0, 3.0), 1.0),
    "small lights, shutter 0.5": (THREE, (9.0, 3.0), 0.5),
    "larger lights, shutter 0.8": (LARGE, (5.0, 0.0), 0.8),
    "lights that pass, shutter 0.7": (PASSING, (2.0, 1.0), 0.7),
}


def score(u: Tensor, light: Tensor) -> float:
    step = FINE // FACTOR
    truth = light.unflatten(0, (-1, step))[:, step // 2 - 1 : step // 2 + 1].mean(1).clamp(0, 1)
    inner = slice(FACTOR, -FACTOR)
    return psnr(u[inner], truth[inner])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--name", default="highlights")
    given = parser.parse_args()
    times = [(k + 0.5) / FINE - PERIODS / 2 for k in range(PERIODS * FINE)]
    rows, values = [], {}
    for name, (lights, velocity, shutter) in CASES.items():
        light = night(times, lights, SIZE, velocity)
        v = clipped(light, FINE, shutter)
        found = [score(v.repeat_interleave(FACTOR, 0), light)]
        for level in (lambda frames: None, white_level):
            with patch.object(key_frames, "white_level", level):
                found.append(score(restore(v, FACTOR, shutter, preset=given.preset), light))
        values[name] = found
        rows.append([name, *(f"{x:.2f}" for x in found), f"{found[2] - found[1]:+.2f}"])
    head = ["PSNR, dB", "repeat", "taken at their word", "as lower bounds", "gain"]
    write_results(given.name, {"machine": machine(), "preset": given.preset, "psnr": values}, table(head, rows), SCENES)


if __name__ == "__main__":
    main()
