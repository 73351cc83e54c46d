"""The solver by itself: the flow of the true sharp frames is handed in, so that motion is not what limits it.

python benchmarks/true_motion.py --clips-dir DIR

OpenCV DIS (medium) between consecutive sharp sub-frames, forward only, goes into ``restore(v, flow=tensor)``. The rows
with noise have Gaussian noise of 5/255 added to the blurry frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from records import WITH_PRIORS, write_results

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.bench.truth import true_flow

FACTOR = 8
HERE = Path(__file__).parent
ROWS = {"no prior": (0.0, None), "tv": (0.0, "tv"), "noise 5, no prior": (5.0, None), "noise 5, tv": (5.0, "tv")}


def gain(sharp: protocol.Frames, m: int, noise: float, prior: str | None) -> float:
    """dB of "all" over repeating the (noiseless) blurry frame."""
    blurry = protocol.blur(sharp, FACTOR, m)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    v = v + noise / 255 * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))
    u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", flow=true_flow(sharp), prior=prior)
    restored = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
    repeated = np.repeat(blurry, FACTOR, axis=0)
    return mean_psnr(restored, sharp, FACTOR) - mean_psnr(repeated, sharp, FACTOR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=["no prior"])
    parser.add_argument("--name", default="true_motion")
    given = parser.parse_args()
    clips = list(run.from_files(run.read_list(HERE / "clips.toml", given.clips_dir), FACTOR))
    rows, values = [], {}
    for m in given.exposures:
        for name in given.rows:
            gains = [gain(clip.frames, m, *ROWS[name]) for clip in clips]
            print(m, name, gains, flush=True)
            values[f"{m}/8 {name}"] = gains
            rows.append([f"{m}/8, {name}", *(f"{g:+.2f}" for g in gains), f"{np.mean(gains):+.2f}"])
    head = ['gain of "all" over repeating, dB', *(clip.name for clip in clips), "mean"]
    write_results(given.name, {"machine": machine(), "gains": values}, table(head, rows), WITH_PRIORS)


if __name__ == "__main__":
    main()
