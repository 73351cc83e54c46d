"""Large pictures: is a shake of a few pixels seen, and is what is sharp left alone?

    python benchmarks/large.py --photos PHOTOS [--pictures 12] [--extents 0 8 15 30]

The held-out photographs of at least 900 px along the longer side, whole, shaken by some extent (0: sharp), noise 1%.
found: share of pictures whose blur passed the gate, and so restored. gain: dB over the blurry picture, each at its best
sub-pixel shift, over pieces of 256 x 256 in the middles of the four quarters, 0 for what is left alone; by plug and
play with total variation, told the true noise. Times are those of the estimate and of judging it, of the processor,
one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from blind import aligned_psnr
from blurred import Blurred, held_out, whole
from common import machine, table
from records import PICTURES, write_results

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.estimate.choice import CameraBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.priors import TotalVariation
from vsdeblur.training.photos import read_photo

LARGE = 900  # px, along the longer side
PIECE = 256


def pieces(size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """The middles of the four quarters."""
    height, width = size
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            top, left = (min(max(at - PIECE // 2, 0), n - PIECE) for at, n in ((y, height), (x, width)))
            yield slice(top, top + PIECE), slice(left, left + PIECE)


def gain(picture: Blurred, blur: Blur) -> float:
    """See the module."""
    restore = PlugAndPlay(TotalVariation(strength=0.9, time=0.0))
    found = []
    for rows, columns in pieces(blur.size):
        v, sharp = picture.blurry[..., rows, columns], picture.sharp[..., rows, columns]
        restored = restore(v, blur.part(rows, columns), picture.sigma)
        found.append(aligned_psnr(restored, sharp) - aligned_psnr(v, sharp))
    return float(np.mean(found))


def judged(picture: Blurred) -> dict[str, float]:
    begun = time.process_time()
    blur = CameraBlur()(picture.blurry)
    seconds = time.process_time() - begun
    found = blur.margin > 0
    return {"found": found, "gain": gain(picture, blur) if found else 0.0, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs; the held-out tenth is used")
    parser.add_argument("--pictures", type=int, default=12, help="the first so many large ones")
    parser.add_argument("--extents", type=float, nargs="+", default=[0, 8, 15, 30])
    parser.add_argument("--name", default="large", help="of the result files")
    given = parser.parse_args()
    torch.set_num_threads(1)
    large = [path for path in held_out(given.photos, 1000) if max(read_photo(path).shape) >= LARGE]
    rows, found = [], {}
    for extent in given.extents:
        scores = {}
        for picture in whole(large[: given.pictures], extent):
            scores[picture.name] = judged(picture)
            print(extent, picture.name, {k: round(x, 2) for k, x in scores[picture.name].items()}, flush=True)
        found[str(extent)] = scores
        mean = {key: np.mean([score[key] for score in scores.values()]) for key in ("gain", "seconds")}
        share = np.mean([score["found"] for score in scores.values()])
        least = min(score["gain"] for score in scores.values())
        head = "sharp" if not extent else f"{extent:g} px"
        rows.append([head, f"{share:.0%}", f"{mean['gain']:+.2f}", f"{least:+.2f}", f"{mean['seconds']:.1f}"])
    columns = [f"{len(large[: given.pictures])} pictures, shaken by", "found", "gain, dB", "least", "s"]
    write_results(given.name, {"machine": machine(), "scores": found}, table(columns, rows), PICTURES)


if __name__ == "__main__":
    main()
