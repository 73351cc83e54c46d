"""What do mode="auto" and mode="frame" give where neighbours tell, and where they do not?

    python benchmarks/modes.py --clips-dir DIR [--preset fast] [--only drive bikes] [--places 6]

- The clips of clips.toml by the protocol: gain over repeating the blurry frame, flicker, and seconds of processor time.
- A clip that is cut every frame, and one that is cut every second frame: the first frame of each clip of the list, each
  time shaken in another way by 8 to 20 px for a whole period, noise 0.5%. At factor 1; gain over the blurry frame, both
  at their best sub-pixel shift, for where a frame lies within its own shake nobody can tell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blind import aligned_psnr
from blurred import exposure
from common import machine, table, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol
from vsdeblur.bench.run import read_list
from vsdeblur.options import MODES
from vsdeblur.training.shake import random_shake

FACTOR = 8
WIDTH = 640  # px, of those clips before they are cut to
PLACE = (256, 448)  # px, height and width of the frames of a clip that is cut
SHAKES = (8.0, 20.0)  # px
SIGMA = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--open", type=int, default=8, help="sub-frames of 8 that the shutter sees")
    parser.add_argument("--only", nargs="*", default=[], help="clips whose names begin so")
    parser.add_argument("--places", type=int, default=6, help="of the clips that are cut; 0 leaves these out")
    parser.add_argument("--name", default="modes")
    given = parser.parse_args()
    torch.set_num_threads(1)

    rows: dict[str, dict[str, Any]] = {}
    cut: dict[str, dict[str, list[float]]] = {}
    clips = read_list(Path(__file__).parent / "clips.toml", given.clips_dir)
    places = [protocol.load(replace(clip, width=WIDTH), FACTOR)[0] for clip in clips[: given.places]]
    for run in (1, 2) if places else ():
        cut[f"a cut every {run}"] = cut_ridden(places, run, given.preset)
    for clip in clips:
        if given.only and not clip.path.stem.startswith(tuple(given.only)):
            continue
        sharp = protocol.load(clip, FACTOR)
        blurry = protocol.blur(sharp, FACTOR, given.open)
        repeated = protocol.score(np.repeat(blurry, FACTOR, 0), sharp, blurry, FACTOR, given.open)
        rows[clip.path.stem] = {"repeat": asdict(repeated)}
        for mode in MODES:
            rows[clip.path.stem][mode] = judged(sharp, blurry, mode, given.preset, given.open)
            print(clip.path.stem, mode, rows[clip.path.stem][mode], flush=True)
    head = ["8-fold, gain dB / flicker dB / s", *MODES]
    lines = []
    for name, found in rows.items():
        cells = [
            f"{found[mode]['all'] - found['repeat']['all']:+.2f} / {found[mode]['flicker']:.2f} / "
            f"{found[mode]['seconds']:.1f}"
            for mode in MODES
        ]
        lines.append([name, *cells])
    parts = [table(head, lines)]
    if cut:
        head = ["frames shaken by themselves, gain dB (least)", *MODES]
        cells = [[f"{np.mean(gain):+.2f} ({min(gain):+.2f})" for gain in found.values()] for found in cut.values()]
        parts.append(table(head, [[name, *row] for name, row in zip(cut, cells, strict=True)]))
    values = {"machine": machine(), "preset": given.preset, "open": given.open, "clips": rows, "cut": cut}
    write_results(given.name, values, "\n\n".join(parts))


def cut_ridden(places: Sequence[Any], run: int, preset: str) -> dict[str, list[float]]:
    """Gain of each frame, by mode. places: frames (H, W, 3) of 8 bits, shown ``run`` times each, each time shaken."""
    height, width = PLACE
    sharp, blurry = [], []
    fitting = [frame for frame in places if frame.shape[0] >= height and frame.shape[1] >= width]
    for k, extent in enumerate(np.linspace(*SHAKES, run * len(fitting))):
        own = np.random.default_rng([15, run, k])
        frame = fitting[k // run].astype(np.float32) / 255
        corner = ((frame.shape[1] - width) // 2, (frame.shape[0] - height) // 2)
        sharp.append(exposure(frame, corner, PLACE, np.eye(3)[None].repeat(2, 0)))
        seen = exposure(frame, corner, PLACE, random_shake(own, PLACE, float(extent)))
        blurry.append(seen + SIGMA * torch.from_numpy(own.normal(size=tuple(seen.shape)).astype(np.float32)))
    v = torch.cat(blurry)
    found = {}
    for mode in MODES:
        u = restore(v, 1, shutter=1.0, preset=preset, mode=mode)
        found[mode] = [round(better(*each), 3) for each in zip(u, v, sharp, strict=True)]
        print(f"a cut every {run}", mode, found[mode], flush=True)
    return found


def better(restored: Tensor, blurry: Tensor, sharp: Tensor) -> float:
    return aligned_psnr(restored[None], sharp) - aligned_psnr(blurry[None], sharp)


def judged(sharp: Any, blurry: Any, mode: str, preset: str, m: int) -> dict[str, Any]:
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    begin = time.process_time()
    u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", preset=preset, mode=mode)
    seconds = time.process_time() - begin
    restored = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
    return {**asdict(protocol.score(restored, sharp, blurry, FACTOR, m)), "seconds": seconds}


if __name__ == "__main__":
    main()
