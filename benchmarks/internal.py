"""prior="internal" against prior="video" and none, with and without noise.

python benchmarks/internal.py --clips-dir DIR [--clips gopro-max-heromode sports2d bikes] [--noises 0 10] [--shutter 5]

Crops of development clips, m of every 8 frames averaged as they are, white noise added to the stored values, rounded to
8 bits. "All" by the protocol, dB. Seconds are of the processor, for learning and restoring a clip of 5 frames.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from common import clip_list, machine, table
from records import WITH_PRIORS, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.bench.protocol import load
from vsdeblur.bench.run import read_list

FACTOR, CROP = 8, (128, 192)
PRIORS = (None, "video", "internal")


def exposed(sharp: np.ndarray, m: int, noise: float) -> Tensor:
    """Stored values (N, 3, H, W) in [0, 1]."""
    light = torch.from_numpy(sharp.transpose(0, 3, 1, 2).copy()).float().unflatten(0, (-1, FACTOR))[:, :m].mean(1)
    grain = torch.randn(light.shape, generator=torch.Generator().manual_seed(1))
    stored: Tensor = (light + noise * grain).round().clamp(0, 255) / 255
    return stored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--clips", nargs="+", default=["gopro-max-heromode", "sports2d", "bikes"])
    parser.add_argument("--noises", nargs="+", type=float, default=[0, 10], help="deviations, of 255")
    parser.add_argument("--shutter", type=int, default=5, help="eighths of the period")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--name", default="internal")
    given = parser.parse_args()
    rows, values = [], {}
    listed = read_list(clip_list("clips"), given.clips_dir)
    clips = [next(clip for clip in listed if clip.name.startswith(name)) for name in given.clips]
    for noise in given.noises:
        for clip in clips:
            whole = load(clip, FACTOR)
            top, left = (max(have - want, 0) // 2 for have, want in zip(whole.shape[1:3], CROP, strict=True))
            sharp = whole[:, top : top + CROP[0], left : left + CROP[1]]
            v = exposed(sharp, given.shutter, noise)
            scores, spent = [], []
            for prior in PRIORS:
                begun = time.process_time()
                u = restore(v, FACTOR, given.shutter / FACTOR, preset=given.preset, prior=prior, quadrature="taps")
                spent.append(time.process_time() - begun)
                found = (u.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
                scores.append(mean_psnr(found, sharp, FACTOR))
            values[f"{noise:g}/255, {clip.name}"] = {"psnr": scores, "seconds": spent}
            gains = [f"{scores[2] - other:+.3f}" for other in scores[1::-1]]
            rows.append(
                [f"{noise:g}/255, {clip.name}", *(f"{x:.2f}" for x in scores), *gains, *(f"{x:.0f}" for x in spent)]
            )
            print(rows[-1], flush=True)
    names = [prior or "none" for prior in PRIORS]
    head = ["noise, clip", *names, "internal over video", "over none", *(f"{name}, s" for name in names)]
    write_results(given.name, {"machine": machine(), "priors": names, "clips": values}, table(head, rows), WITH_PRIORS)


if __name__ == "__main__":
    main()
