"""What is made of clips that are truly blurred: overshoot and pulse, which need no truth, and a page to look at.

python benchmarks/truly_blurred.py --clips-dir DIR [--presets fast best] [--factor 2] [--page FOLDER]

Each stretch of truly-blurred.toml is restored as ``vsdeblur transcode`` would: values as BT.709 stores them, the
shutter as it is estimated from the whole clip. --page writes FOLDER/index.html and a picture for every source frame and
preset: the input, then its restored frames, pixel for pixel; pages are not for committing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
import torch
from common import clip_list, machine, table
from records import RESTORATION, write_results

from vsdeblur import restore
from vsdeblur.bench import run
from vsdeblur.bench.judge import Calm, calm
from vsdeblur.bench.measures.motion import BlurryMotion
from vsdeblur.bench.measures.overshoot import input_range, instant
from vsdeblur.bench.protocol import Clip, Frames, load, to_8bit
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.settings import PRESETS

_GAP = 4  # pixels between the pictures of a strip


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A stretch of a clip, (N, H, W, 3), and what each preset made of it, (N * factor, H, W, 3)."""

    clip: Clip
    shutter: float
    blurry: Frames
    restored: dict[str, Frames]

    def calm(self, factor: int) -> dict[str, Calm]:
        """The measures of each preset, the first and the last source frame left out."""
        motion = BlurryMotion.of(self.blurry, self.shutter)
        inner = slice(factor, (len(self.blurry) - 1) * factor)
        instants = (instant(k, factor, self.shutter) for k in range(inner.start, inner.stop))
        ranges = [input_range(self.blurry, motion, at) for at in instants]
        return {name: calm(frames, factor, ranges, motion.moving, inner) for name, frames in self.restored.items()}

    def strips(self, preset: str) -> Iterator[tuple[int, Frames]]:
        """(number of the source frame, it and its restored frames side by side), for each."""
        outputs = np.split(self.restored[preset], len(self.blurry))
        for n, (source, made) in enumerate(zip(self.blurry, outputs, strict=True)):
            edge = np.full((len(source), _GAP, 3), 255, np.uint8)
            yield self.clip.start + n, np.hstack([part for picture in (source, *made) for part in (picture, edge)])


def watch(clip: Clip, presets: list[str], factor: int) -> Watched:
    """Restore a stretch by each preset; by the shutter of the whole clip."""
    blurry = load(clip, 1)
    shutter = Survey(str(clip.path)).shutter.estimate.usable
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    restored = {}
    for preset in presets:
        print(clip.name, f"shutter {shutter:.2f}", preset, flush=True)
        u = restore(v, factor, shutter, "bt709", preset)
        restored[preset] = to_8bit(u.permute(0, 2, 3, 1).numpy())
    return Watched(clip, shutter, blurry, restored)


def write_page(folder: Path, watched: list[Watched]) -> None:
    """index.html and the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["<!doctype html><meta charset=utf-8><title>Truly blurred clips</title><style>img{display:block}</style>"]
    for one in watched:
        for preset in one.restored:
            parts.append(f"<h2>{escape(one.clip.name)}, {preset}: the input, and what was restored of it</h2>")
            for number, strip in one.strips(preset):
                name = f"{one.clip.path.stem}-{preset}-{number:04}.png"
                cv2.imwrite(str(folder / name), strip[..., ::-1])
                parts.append(f'<p>frame {number}<img src="{escape(name)}" alt=""></p>')
    (folder / "index.html").write_text("\n".join(parts) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", default="truly-blurred", help="of clips; truly-blurred by default")
    parser.add_argument("--only", nargs="*", default=[], help="clips whose names begin so")
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--factor", type=int, default=2)
    parser.add_argument("--page", type=Path, metavar="FOLDER", help="to write pictures to")
    parser.add_argument("--name", default="truly_blurred", help="of the result files")
    given = parser.parse_args()
    clips = run.read_list(clip_list(given.list), given.clips_dir)
    chosen = [clip for clip in clips if clip.path.name.startswith(tuple(given.only) or "")]
    watched = [watch(clip, given.presets, given.factor) for clip in chosen]
    rows, values = [], {}
    for one in watched:
        found = one.calm(given.factor)
        cells = [f"{found[preset].overshoot:.2f}, {found[preset].pulse:.1f}" for preset in given.presets]
        rows.append([one.clip.name, f"{one.shutter:.2f}", *cells])
        values[one.clip.name] = {"shutter": one.shutter, **{name: asdict(score) for name, score in found.items()}}
    if given.page:
        write_page(given.page, watched)
    head = ["overshoot (code values), pulse (%)", "shutter", *given.presets]
    write_results(
        given.name,
        {"machine": machine(), "factor": given.factor, "clips": values},
        table(head, rows),
        RESTORATION,
    )


if __name__ == "__main__":
    main()
