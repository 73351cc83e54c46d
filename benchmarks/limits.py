"""What keeping instants within the exposures does: the same restoration with and without it.

python benchmarks/limits.py --clips-dir DIR [--list clips|real|hard|FILE] [--preset balanced] [--exposures 8 5]

Gains of "all" over repeating, the overshoot, and the worst hundredth of blocks, on average and on the clip that loses
most (``vsdeblur/solver/render/limits.py``; the measures: benchmarks/README.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from common import clip_list, machine, table
from records import RESTORATION, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.judge import Judge, Score, mean_score
from vsdeblur.settings import PRESETS
from vsdeblur.solver.render.solved import SolvedWindow

FACTOR = 8


def unlimited(solved: SolvedWindow, *, linear: bool) -> Callable[[Tensor, float], Tensor]:
    """In the place of ``limited``: every instant stays as it is."""
    return lambda u, t: u


def scores(sharp: run.Sharp, m: int, preset: str) -> tuple[Score, Score]:
    """Without and with the limits."""
    blurry = protocol.blur(sharp.frames, FACTOR, m)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    judge = Judge(sharp.frames, blurry, FACTOR, m, sharp.every)

    def score() -> Score:
        u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", preset=preset)
        return judge(protocol.to_8bit(u.permute(0, 2, 3, 1).numpy()))

    with patch("vsdeblur.engine.engine.limited", unlimited):
        without = score()
    return without, score()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", default="hard")
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5])
    parser.add_argument("--name", default="limits")
    given = parser.parse_args()

    rows, values = [], {}
    for m in given.exposures:
        found = {}
        for clip in run.from_files(run.read_list(clip_list(given.list), given.clips_dir), FACTOR):
            found[clip.name] = scores(clip, m, given.preset)
            print(m, clip.name, f"{found[clip.name][1].all - found[clip.name][0].all:+.3f} dB", flush=True)
        changes = {name: after.all - before.all for name, (before, after) in found.items()}
        least = min(changes, key=changes.__getitem__)
        shown = ((s.overshoot, s.worst) for s in (_mean(found, 0), _mean(found, 1)))
        before, after = (f"{overshoot:.2f}, {worst:.2f}" for overshoot, worst in shown)
        rows.append(
            [f"{m}/8", f"{np.mean(list(changes.values())):+.3f}", f"{changes[least]:+.3f} ({least})", before, after]
        )
        values[f"{m}/8"] = {
            name: [{"all": s.all, "overshoot": s.overshoot, "worst": s.worst} for s in pair]
            for name, pair in found.items()
        }
    head = [f"{given.list}, {given.preset}", "dB, mean", "dB, least", "overshoot, worst 1%: without", "with"]
    write_results(given.name, {"machine": machine(), "without, with": values}, table(head, rows), RESTORATION)


def _mean(found: dict[str, tuple[Score, Score]], which: int) -> Score:
    return mean_score([pair[which] for pair in found.values()])


if __name__ == "__main__":
    main()
