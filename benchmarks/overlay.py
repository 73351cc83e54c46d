"""Are texts and logos over moving pictures found, and is nothing else taken for one?

python benchmarks/overlay.py --clips-dir DIR [--width 320] [--frames 8] [--name overlay]

Drawn overlays of several opacities over stretches of the clips in DIR, of any of the formats that FFmpeg reads. An
overlay counts as found where half of its pixels are masked. By how far the picture under it moves, median of the flow
between neighbours. Without an overlay: how many windows have a mask, and of how much of the picture. Last, what looking
costs, of preset fast.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, table
from numpy.typing import NDArray
from records import write_results

from vsdeblur import restore
from vsdeblur.clip.light import find_light
from vsdeblur.clip.overlay import find_overlay
from vsdeblur.colour.transfer import to_linear
from vsdeblur.filters.pyav.file.read import read_rgb
from vsdeblur.window import Window

MEASURES = ("vsdeblur/clip", "vsdeblur/camera", "vsdeblur/flow/dis.py")
MOTIONS = (1.0, 2.0, 4.0, np.inf)  # pixels a frame: the bounds of the rows
OPACITIES = (1.0, 0.6, 0.3)
STRETCHES = 2  # of each clip
Picture = NDArray[np.float32]


def stretches(path: Path, width: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """(frames, H, width, 3) each."""
    read = read_rgb(path, 0, None)
    for _ in range(STRETCHES):
        found = [scaled(frame, width) for frame in islice(read, frames)]
        if len(found) == frames:
            yield np.stack(found)
        next(islice(read, 2 * frames, None), None)


def scaled(frame: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    size = (width, 2 * round(frame.shape[0] * width / frame.shape[1] / 2))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def text(height: int, width: int) -> Picture:
    """Two lines of a subtitle, (H, W, 1) in [0, 1]."""
    drawn = np.zeros((height, width), np.uint8)
    for line, words in enumerate(("What do you mean by", "that, Captain?")):
        cv2.putText(
            drawn,
            words,
            (width // 6, height * 3 // 4 + 22 * line),
            cv2.FONT_HERSHEY_SIMPLEX,
            width / 560,
            255,
            2,
            cv2.LINE_AA,
        )
    return (drawn[..., None] / 255).astype(np.float32)


def logo(height: int, width: int) -> Picture:
    """A ring with a letter in a corner."""
    drawn = np.zeros((height, width), np.uint8)
    at = (width - 36, 32)
    cv2.circle(drawn, at, 18, 255, 3, cv2.LINE_AA)
    cv2.putText(drawn, "R", (at[0] - 8, at[1] + 8), cv2.FONT_HERSHEY_DUPLEX, 0.8, 255, 2, cv2.LINE_AA)
    return (drawn[..., None] / 255).astype(np.float32)


def letterbox(height: int, width: int) -> Picture:
    """Bars above and below."""
    drawn = np.zeros((height, width, 1), np.float32)
    drawn[: height // 10] = drawn[-(height // 10) :] = 1
    return drawn


def window(frames: NDArray[np.uint8]) -> Window:
    light = to_linear(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255, "bt709")
    return Window(light, 0, 0, len(frames))


def laid_over(frames: NDArray[np.uint8], layer: Picture, opacity: float, value: float) -> NDArray[np.uint8]:
    mixed = frames + opacity * layer * (255 * value - frames)
    return np.rint(mixed).astype(np.uint8)


def motion(frames: NDArray[np.uint8]) -> float:
    """Pixels a frame, the median."""
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[[0, 1, len(frames) // 2, len(frames) // 2 + 1]]]
    flows = [dis.calc(a, b, None) for a, b in (grey[:2], grey[2:])]
    return float(np.median([np.hypot(*flow.T) for flow in flows]))


def masked(frames: NDArray[np.uint8]) -> torch.Tensor | None:
    found = find_overlay(window(frames))
    return None if found is None else found.mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--name", default="overlay")
    given = parser.parse_args()

    kinds = {f"{draw.__name__} {opacity}": (draw, opacity, 0.95) for draw in (text, logo) for opacity in OPACITIES}
    kinds["bars"] = (letterbox, 1.0, 0.0)
    found, mistaken, lit = defaultdict(list), {}, {}
    for path in sorted(given.clips_dir.glob("*.mp4")):
        for k, frames in enumerate(stretches(path, given.width, given.frames)):
            name, speed = f"{path.stem} {k}", motion(frames)
            alone = masked(frames)
            mistaken[name] = 0.0 if alone is None else float(alone.float().mean())
            lit[name] = find_light(window(frames)) is not None
            if speed < MOTIONS[0]:
                continue
            row = next(bound for bound in MOTIONS[1:] if speed < bound)
            for kind, (draw, opacity, value) in kinds.items():
                layer = draw(*frames.shape[1:3])
                mask = masked(laid_over(frames, layer, opacity, value))
                inside = torch.from_numpy(layer[..., 0] > 0.5)
                found[row, kind].append(0.0 if mask is None else float(mask[inside].float().mean()))
    rows = []
    for least, bound in pairwise(MOTIONS):
        counts = [found[bound, kind] for kind in kinds]
        if counts[0]:
            shares = [f"{100 * np.mean([share > 0.5 for share in one]):.0f}%" for one in counts]
            rows.append([f"{least:g} to {bound:g} px, {len(counts[0])} windows", *shares])
    false = [share for share in mistaken.values() if share]
    costs = cost(frames)
    note = (
        f"\n\nWithout an overlay: {len(false)} of {len(mistaken)} windows have a mask, "
        f"of {100 * max(false, default=0):.2f}% of the picture at most; {sum(lit.values())} have a change of light.\n"
        f"Looking takes {100 * costs['overlay']:.1f}% of the time of preset fast at factor 2 for an overlay, "
        f"{100 * costs['light']:.1f}% for light."
    )
    values = {
        "machine": machine(),
        "covered": {f"{bound:g} {kind}": shares for (bound, kind), shares in found.items()},
        "without": mistaken,
        "light": lit,
        "cost": costs,
    }
    write_results(given.name, values, table(["found", *kinds], rows) + note, MEASURES)


def cost(frames: NDArray[np.uint8]) -> dict[str, float]:
    """What looking for overlays and light takes, in parts of what restoring the window with preset fast takes."""
    one = window(frames)

    def seconds(work: object, *arguments: object, **given: object) -> float:
        work(*arguments, **given)  # type: ignore[operator]
        begin = time.process_time()
        for _ in range(3):
            work(*arguments, **given)  # type: ignore[operator]
        return time.process_time() - begin

    whole = seconds(restore, one.frames, 2, shutter=0.5, preset="fast", device="cpu")
    return {"overlay": seconds(find_overlay, one) / whole, "light": seconds(find_light, one) / whole}


if __name__ == "__main__":
    main()
