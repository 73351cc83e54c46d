"""Blind restoration: gains over the blurry picture when the blur has to be found, and when it is known.

python benchmarks/blind.py --photos PHOTOS [--pictures 20] [--only levin shaken] [--rows uniform path] [--name blind]

Pictures as in deconvolve.py (see blurred.py), never trained on, noise 1%: levin, one winding kernel of 13 to 27 px, 255
x 255, grey; shaken, projective camera shake of 5 to 25 px, 256 x 256 in colour. All rows restore by the same plug and
play with total variation, which gets the true level of noise. A blur is only found up to a shift of the picture: every
row is scored at its best sub-pixel shift, the blurry picture too, without the outer 16 px. ratio: squared error over
that with the true blur. Times are those of the estimate, of the processor, one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from blurred import CUT, Blurred, held_out, levin_kind, psnr, shaken
from common import machine, table
from records import PICTURES, write_results
from torch import Tensor

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.estimate.confidence import ConfidenceGate
from vsdeblur.blind.estimate.path import estimate_path, estimate_uniform, refine
from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import sampled_flow
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.priors import TotalVariation

FINEST_SHIFT = 0.05  # pixels
TRUE = "true blur"
Find = Callable[[Blurred], Blur]
Scores = dict[str, dict[str, list[float]]]


def finders(rows: list[str]) -> dict[str, Find]:
    """What finds the blur, by row."""
    found: dict[str, Find] = {TRUE: true_blur}
    if "uniform" in rows:
        found["uniform"] = lambda picture: estimate_uniform(picture.blurry)
    if "path" in rows:
        found["path"] = lambda picture: estimate_path(picture.blurry)
    if "believed" in rows:
        found["path, where believed"] = lambda picture: ConfidenceGate()(picture.blurry)
    if "network" in rows:
        from vsdeblur.blind.estimate.kernels import load_kernel_estimator

        network = load_kernel_estimator()
        found["network"] = lambda picture: network(picture.blurry)
        found["network, then path"] = lambda picture: refine(picture.blurry, network(picture.blurry))
    return found


def true_blur(picture: Blurred) -> Blur:
    size = (picture.blurry.shape[-2], picture.blurry.shape[-1])
    if picture.kernel is not None:
        return UniformBlur(picture.kernel, size)
    return sampled_flow(ProjectiveBlur.along(torch.from_numpy(picture.path).float(), size, step=0.5))


def aligned_psnr(found: Tensor, truth: Tensor) -> float:
    """dB at the shift of ``found`` by which it fits best: to the pixel by correlation, then by halved steps."""
    size = truth.shape[-2:]
    spectrum = torch.fft.rfft2(found - found.mean())
    match = torch.fft.irfft2((torch.fft.rfft2(truth - truth.mean()).conj() * spectrum).sum(1), s=size)[0]
    reach = CUT - 1
    near = match.roll((reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    y, x = (int(k) - reach for k in np.unravel_index(int(near.argmax()), near.shape))
    down, across = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None]
    whole = torch.fft.rfft2(found)

    def at(y: float, x: float) -> float:
        moved = torch.fft.irfft2(whole * torch.exp(2j * torch.pi * (down * y + across * x)), s=size)
        return psnr(moved, truth, CUT)

    best, step = (at(y, x), float(y), float(x)), 0.5
    while step > FINEST_SHIFT:
        _, y0, x0 = best
        around = [(y0 + dy * step, x0 + dx * step) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        better = max((at(y, x), y, x) for y, x in around)
        if better[0] > best[0]:
            best = better
        else:
            step /= 2
    return best[0]


def run(pictures: Iterable[Blurred], rows: dict[str, Find]) -> Scores:
    restore = PlugAndPlay(TotalVariation(strength=0.9, time=0.0))
    scores: Scores = {name: {"gain": [], "ratio": [], "seconds": []} for name in rows}
    for picture in pictures:
        blurry = aligned_psnr(picture.blurry, picture.sharp)
        known = 0.0
        for name, find in rows.items():  # the true blur first
            begun = time.process_time()
            blur = find(picture)
            scores[name]["seconds"].append(round(time.process_time() - begun, 2))
            gain = aligned_psnr(restore(picture.blurry, blur, picture.sigma), picture.sharp) - blurry
            known = gain if name == TRUE else known
            scores[name]["gain"].append(round(gain, 3))
            scores[name]["ratio"].append(round(10 ** ((known - gain) / 10), 3))
        gains = {name: round(values["gain"][-1], 2) for name, values in scores.items()}
        print(picture.name, f"{picture.extent:.1f} px, {blurry:.2f} dB", gains, flush=True)
    return scores


def lines(scores: Scores) -> list[list[str]]:
    def row(name: str, values: dict[str, list[float]]) -> list[str]:
        gain, ratio = np.array(values["gain"]), np.array(values["ratio"])
        near = "" if name == TRUE else f"{(ratio < 3).mean():.0%}"
        seconds = "" if name == TRUE else f"{np.mean(values['seconds']):.1f}"
        return [name, f"{gain.mean():+.2f}", f"{np.median(gain):+.2f}", f"{gain.min():+.2f}", near, seconds]

    return [row(name, values) for name, values in scores.items()]


def main(photos: Path, count: int, only: list[str], rows: list[str], name: str) -> None:
    torch.set_num_threads(1)
    chosen = held_out(photos, count)
    found: dict[str, Scores] = {}
    parts = []
    for kind, make in (("levin", levin_kind), ("shaken", shaken)):
        if kind not in only:
            continue
        found[kind] = run(make(chosen), finders(rows))
        head = [f"{kind}, {len(chosen)} pictures", "mean gain, dB", "median", "least", "ratio below 3", "s a picture"]
        parts.append(table(head, lines(found[kind])))
    pictures = [path.stem for path in chosen]
    write_results(name, {"machine": machine(), "pictures": pictures, "scores": found}, "\n\n".join(parts), PICTURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs; the held-out tenth is used")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=["levin", "shaken"], default=["levin", "shaken"])
    parser.add_argument(
        "--rows", nargs="+", choices=["uniform", "path", "believed", "network"], default=["uniform", "path"]
    )
    parser.add_argument("--name", default="blind", help="of the result files")
    given = parser.parse_args()
    main(given.photos, given.pictures, given.only, given.rows, given.name)
