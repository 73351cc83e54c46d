"""What each step makes of key frames: errors against the true middle of the exposure.

python benchmarks/key_frames.py --clips-dir DIR [--list real] [--exposed 5] [--weights FILE ...]

Gain over the key frames of the solver alone, preset balanced, dB: the learned step without the exposure's correction,
with it, and both once more (what "best" does). Exposures are an odd number of sub-frames of 8, so that their middle is
one of them; clips of which no middle is a true frame are left out. --weights adds rows of other weights.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from common import clip_list, machine, table
from records import RESTORATION, write_results
from torch import Tensor

from vsdeblur.bench import protocol, run
from vsdeblur.engine import solve_tiles
from vsdeblur.engine.engine import Engine
from vsdeblur.settings import Options
from vsdeblur.window import Window

FACTOR, PERIODS = 8, 8
UNCORRECTED = 1e7  # ridge: all the weight to the network
STEPS = {"network": (1, UNCORRECTED), "corrected": (1, None), "both again": (2, None)}


def true_middles(scene: run.Sharp, exposed: int, count: int) -> dict[int, Tensor]:
    """The true middles (3, H, W) of the exposures inside, by number."""
    middle = (exposed - 1) // 2
    at = {n: FACTOR * n + middle for n in range(1, count - 1)}
    return {
        n: torch.from_numpy(scene.frames[k]).permute(2, 0, 1).float() / 255
        for n, k in at.items()
        if k % scene.every == 0
    }


def decibels(keys: Tensor, truth: dict[int, Tensor]) -> float:
    squared = [float((keys[n].clamp(0, 1) - sharp).square().mean()) for n, sharp in truth.items()]
    return float(-10 * np.log10(squared).mean())


def key_frames(options: Options, window: Window, rounds: int = 1, ridge: float | None = None) -> Tensor:
    """Those of a window: the learned step ``rounds`` times, its correction with ``ridge``, the project's where None."""
    engine = Engine(options, *window.frames.shape[-2:])
    engine.key_frame_solver.rounds = rounds
    kept = solve_tiles.LEARNED_RIDGE
    try:
        solve_tiles.LEARNED_RIDGE = kept if ridge is None else ridge
        return engine.key_frames(window)[0]
    finally:
        solve_tiles.LEARNED_RIDGE = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", default="real", help="clips, real, hard, or a file")
    parser.add_argument("--exposed", type=int, default=5, choices=(1, 3, 5, 7), help="sub-frames of 8")
    parser.add_argument("--weights", type=Path, nargs="+", default=[])
    given = parser.parse_args()
    solvers = {"": "unrolled"} | {f", {path}": f"unrolled:{path}" for path in given.weights}
    gains: dict[str, dict[str, float]] = {}
    for scene in run.from_files(run.read_list(clip_list(given.list), given.clips_dir), FACTOR):
        blurry = protocol.blur(scene.frames, FACTOR, given.exposed)[:PERIODS]
        truth = true_middles(scene, given.exposed, len(blurry))
        if not truth:
            continue
        window = Window(torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255, 0, 0, len(blurry))

        def options(solver: str) -> Options:
            return Options(
                factor=Fraction(FACTOR),
                shutter=given.exposed / FACTOR,
                solver=solver,
                transfer="linear",
                quadrature="taps",
                device="cpu",
            )

        plain = decibels(key_frames(options("keyframes"), window), truth)
        gains[scene.name] = {
            name + suffix: decibels(key_frames(options(solver), window, *how), truth) - plain
            for suffix, solver in solvers.items()
            for name, how in STEPS.items()
        }
        print(scene.name, {name: round(x, 2) for name, x in gains[scene.name].items()}, flush=True)
    rows = list(next(iter(gains.values())))
    lines = [[name, *(f"{found[row]:+.2f}" for row in rows)] for name, found in gains.items()]
    lines.append(["**mean**", *(f"**{np.mean([found[row] for found in gains.values()]):+.2f}**" for row in rows)])
    head = [f"{given.list}, {given.exposed}/8: key frames against the solver's alone, dB", *rows]
    write_results(f"key_frames-{given.list}", {"machine": machine(), "gains": gains}, table(head, lines), RESTORATION)


if __name__ == "__main__":
    main()
