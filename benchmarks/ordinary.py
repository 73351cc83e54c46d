"""What does looking for changes of light and for overlays do to ordinary clips?

python benchmarks/ordinary.py --clips-dir DIR ... [--lists clips real hard] [--preset fast] [--exposures 8 5]

Of each clip of the lists whether a change of light or an overlay is found (``vsdeblur/clip/light.py``,
``overlay.py``), and then the change of "all" by taking it out, dB. Where none is found the bytes are the same. A clip
is looked for in every DIR.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

import torch
from common import clip_list, machine, table
from records import RESTORATION, write_results

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.judge import Judge
from vsdeblur.clip.cuts import find_cuts
from vsdeblur.clip.light import find_light
from vsdeblur.clip.overlay import find_overlay
from vsdeblur.settings import PRESETS
from vsdeblur.window import Window

FACTOR = 8


def change(sharp: run.Sharp, m: int, preset: str) -> tuple[str, float]:
    """What is found in a clip, and what taking that out changes, dB."""
    blurry = protocol.blur(sharp.frames, FACTOR, m)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    window = Window(v, 0, 0, len(v), cuts=find_cuts(v, 0))
    found = "light" if find_light(window) else "overlay" if find_overlay(window) else ""
    if not found:
        return "", 0.0
    judge = Judge(sharp.frames, blurry, FACTOR, m, sharp.every)

    def score() -> float:
        u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", preset=preset)
        return judge(protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())).all

    with_it = score()
    with patch.multiple("vsdeblur.engine.chunks", find_light=lambda _: None, find_overlay=lambda _: None):
        return found, with_it - score()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, nargs="+", required=True)
    parser.add_argument("--lists", nargs="+", default=["clips", "real", "hard"])
    parser.add_argument("--preset", choices=PRESETS, default="fast")
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5])
    parser.add_argument("--name", default="ordinary")
    given = parser.parse_args()

    values, rows = {}, []
    for name in given.lists:
        found = {}
        for folder in given.clips_dir:
            clips = [clip for clip in run.read_list(clip_list(name), folder) if clip.path.exists()]
            for sharp in run.from_files(clips, FACTOR):
                for m in given.exposures:
                    found[f"{sharp.name} {m}/8"] = change(sharp, m, given.preset)
        touched = {clip: pair for clip, pair in found.items() if pair[0]}
        kinds = [sum(kind == one for kind, _ in found.values()) for one in ("light", "overlay")]
        changes = [f"{clip}, {kind}: {dB:+.3f}" for clip, (kind, dB) in touched.items()]
        rows.append([name, str(len(found)), *map(str, kinds), "; ".join(changes) or "none"])
        values[name] = found
        print(*rows[-1], flush=True)
    head = ["list", "clips and exposures", "light", "overlay", f"dB, {given.preset}"]
    write_results(given.name, {"machine": machine(), "found": values}, table(head, rows), RESTORATION)


if __name__ == "__main__":
    main()
