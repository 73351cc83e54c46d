"""Things that move before a still camera, in one picture: gains where they moved, and what is lost elsewhere.

python benchmarks/moving.py --photos PHOTOS [--pictures 20] [--estimators local none] [--name moving]

Pictures of 256 x 256 as in ``blurred.moving``, never trained on, noise 1%: a thing cut out of one photograph goes
straight before another one by 10 to 30 px. By the public call, ``restore_frame(picture, estimator=...)``, "none"
for the automatic choice; "true" is the same call with the true paths and mattes. where it moved: pixels in which
the thing was seen for 2% of the exposure or more; elsewhere: all others. sharp, shaken: the same photographs as
they are, and by a shaken camera, where nothing moved on its own; over the whole picture. Times are of the
processor, one thread.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from blurred import Blurred, TwoPlanes, held_out, moving, shaken
from common import machine, psnr, table
from records import PICTURES, write_results
from torch import Tensor

from vsdeblur.blind import restore_frame
from vsdeblur.blind.operators.piecewise import GENEROUS, PiecewiseBlur
from vsdeblur.tensors import greatest

SEEN = 0.02  # share of the exposure
CHANGED = 1e-4
TRUE, NONE = "true", "none"
Estimate = str | Callable[[Tensor], PiecewiseBlur] | None
Scores = dict[str, dict[str, list[float]]]


def true_blur(picture: TwoPlanes) -> PiecewiseBlur:
    """Of as many instants as the way has pixels, an odd number."""
    count = 2 * (int(picture.extent) // 2) + 1
    at = (np.arange(count) + 0.5) / count * len(picture.paths[0])
    paths = [torch.from_numpy(path[at.astype(int)]).float() for path in picture.paths]
    return PiecewiseBlur.along(paths, picture.mattes, (picture.blurry.shape[-2], picture.blurry.shape[-1]))


def generous(blur: PiecewiseBlur) -> PiecewiseBlur:
    """With mattes that reach beyond the things as estimated ones do."""
    return replace(blur, mattes=greatest(blur.mattes[None], 2 * GENEROUS + 1)[0])


def always(blur: PiecewiseBlur) -> Estimate:
    return lambda _: blur


def gain(found: Tensor, picture: Blurred, where: Tensor) -> float:
    """dB over the blurry picture at the pixels ``where`` (H, W); 0 where both are the same."""
    after, before = (
        float((one.clamp(0, 1) - picture.sharp).square().mean(1)[0][where].mean()) for one in (found, picture.blurry)
    )
    return 10 * math.log10(max(before, 1e-9) / max(after, 1e-9))


def of_moving(photos: list[Path], estimators: list[str]) -> Scores:
    scores: Scores = {name: {"moved": [], "elsewhere": [], "seconds": []} for name in (TRUE, *estimators)}
    for picture in moving(photos):
        blur = true_blur(picture)
        moved = blur.seen()[1] > SEEN
        ways: dict[str, Estimate] = {TRUE: always(generous(blur)), **{n: named(n) for n in estimators}}
        for name, estimate in ways.items():
            begun = time.process_time()
            sharp = restore_frame(picture.blurry[0], estimator=estimate)[0][None]
            scores[name]["seconds"].append(round(time.process_time() - begun, 2))
            scores[name]["moved"].append(round(gain(sharp, picture, moved), 3))
            scores[name]["elsewhere"].append(round(gain(sharp, picture, ~moved), 3))
        print(
            picture.name,
            f"{picture.extent:.1f} px",
            {n: (s["moved"][-1], s["elsewhere"][-1]) for n, s in scores.items()},
        )
    return scores


def of_still(photos: list[Path], estimators: list[str], blurred: bool) -> Scores:
    scores: Scores = {name: {"gain": [], "changed": []} for name in estimators}
    for picture in shaken(photos):
        noise = picture.sigma * torch.randn(picture.sharp.shape, generator=torch.Generator().manual_seed(1))
        given = picture if blurred else replace(picture, blurry=picture.sharp + noise)
        for name in estimators:
            sharp = restore_frame(given.blurry[0], estimator=named(name))[0][None]
            scores[name]["gain"].append(round(psnr(sharp, given.sharp) - psnr(given.blurry, given.sharp), 3))
            scores[name]["changed"].append(float((sharp - given.blurry).abs().max() > CHANGED))
        print(picture.name, {n: s["gain"][-1] for n, s in scores.items()}, flush=True)
    return scores


def named(name: str) -> str | None:
    return None if name == NONE else name


def main(photos: Path, count: int, estimators: list[str], name: str) -> None:
    torch.set_num_threads(1)
    chosen = held_out(photos, count)
    found = {"moving": of_moving(chosen, estimators)}
    rows = []
    for row, scores in found["moving"].items():
        moved, elsewhere = np.array(scores["moved"]), np.array(scores["elsewhere"])
        numbers = (moved.mean(), np.median(moved), moved.min(), elsewhere.mean(), elsewhere.min())
        helped = f"{(moved > 0.5).sum()} of {len(moved)}"
        rows.append([row, *(f"{x:+.2f}" for x in numbers), helped, f"{np.mean(scores['seconds']):.1f}"])
    head = ["where it moved, dB", "median", "least", "elsewhere", "least", "better by 0.5", "s a picture"]
    parts = [table([f"moving, {len(chosen)} pictures", *head], rows)]
    for kind, blurred in (("sharp", False), ("shaken", True)):
        found[kind] = of_still(chosen, estimators, blurred)
        rows = [
            [row, f"{np.mean(s['gain']):+.2f}", f"{np.min(s['gain']):+.2f}", f"{sum(s['changed']):.0f}"]
            for row, s in found[kind].items()
        ]
        parts.append(table([f"{kind}, {len(chosen)} pictures", "mean gain, dB", "least", "changed"], rows))
    pictures = [path.stem for path in chosen]
    write_results(name, {"machine": machine(), "pictures": pictures, "scores": found}, "\n\n".join(parts), PICTURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs; the held-out tenth is used")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--estimators", nargs="+", default=["local", NONE], metavar="NAME")
    parser.add_argument("--name", default="moving", help="of the result files")
    given = parser.parse_args()
    main(given.photos, given.pictures, given.estimators, given.name)
