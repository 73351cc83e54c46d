"""What do mode="auto" and mode="frame" give where neighbours tell, and where they do not?

    python benchmarks/modes.py --clips-dir DIR [--preset fast] [--only drive bikes]

The clips of clips.toml by the protocol: gain over repeating the blurry frame, flicker, and seconds of processor time.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, table, write_results

from vsdeblur.bench import protocol
from vsdeblur.bench.run import read_list
from vsdeblur.options import MODES

FACTOR = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--open", type=int, default=8, help="sub-frames of 8 that the shutter sees")
    parser.add_argument("--only", nargs="*", default=[], help="clips whose names begin so")
    parser.add_argument("--name", default="modes")
    given = parser.parse_args()

    rows: dict[str, dict[str, Any]] = {}
    for clip in read_list(Path(__file__).parent / "clips.toml", given.clips_dir):
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
    write_results(given.name, {"machine": machine(), "open": given.open, "clips": rows}, table(head, lines))


def judged(sharp: Any, blurry: Any, mode: str, preset: str, m: int) -> dict[str, Any]:
    import torch

    from vsdeblur import restore

    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    begin = time.process_time()
    u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", preset=preset, mode=mode)
    seconds = time.process_time() - begin
    restored = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
    return {**asdict(protocol.score(restored, sharp, blurry, FACTOR, m)), "seconds": seconds}


if __name__ == "__main__":
    main()
