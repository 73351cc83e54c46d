"""Blind restoration: gains over the blurry picture when the blur has to be found, and when it is known.

python benchmarks/blind.py --photos PHOTOS [--pictures 20] [--only levin shaken dark] [--rows uniform path] [--others]
                           [--deconvolvers indi:WEIGHTS]

Pictures as in deconvolve.py (see blurred.py), never trained on, noise 1%: levin, one winding kernel of 13 to 27 px, 255
x 255, grey; shaken, projective camera shake of 5 to 25 px, 256 x 256 in colour; dark, as shaken, every other picture
at 0.15 to 0.4 of its values with noise 0.8 to 2%, the rest with noise 3 to 6%. "public" is what a user gets:
``restore_frame(picture)``, which measures the noise itself and returns the picture as it is where no blur was found.
--deconvolvers adds rows of the same call with other deconvolvers. The other rows restore by the same plug and play with
total variation, which gets the true level of noise.

A blur is only found up to a shift of the picture: every row is scored at its best sub-pixel shift, the blurry picture
too, without the outer 16 px; the column "as it is" is scored without the shift. ratio: squared error over that of the
same deconvolver with the true blur and noise. Times are those of the estimate ("public": of all), of the processor, one
thread. The estimate was tuned on these pictures; --others adds the rest of the photographs that no training saw, on
which nothing was tuned.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from blurred import CUT, Blurred, dark_or_noisy, held_out, levin_kind, shaken, spread
from common import machine, psnr, table
from records import PICTURES, write_results
from torch import Tensor

from vsdeblur.blind import restore_frame
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.estimate.confidence import ConfidenceGate
from vsdeblur.blind.estimate.path import estimate_path, estimate_uniform, refine
from vsdeblur.blind.methods import deconvolver_of
from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import sampled_flow
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.priors import TotalVariation
from vsdeblur.training.photos import find_photos

FINEST_SHIFT = 0.05  # pixels
LEVIN, SHAKEN, DARK = "levin", "shaken", "dark"
KINDS: dict[str, Callable[[list[Path]], Iterator[Blurred]]] = {LEVIN: levin_kind, SHAKEN: shaken, DARK: dark_or_noisy}
DIM = 12  # pictures of the last kind, of photographs that no other kind has
TRUE = "true blur"
PUBLIC = "public"
AUTOMATIC = "automatic"  # the deconvolver of the public call where none is named
Find = Callable[[Blurred], Blur]
Scores = dict[str, dict[str, list[float]]]


def finders(rows: list[str], deconvolvers: list[str]) -> dict[str, Find | str]:
    """What finds the blur, by row; a text is the deconvolver of the public call."""
    found: dict[str, Find | str] = {TRUE: true_blur}
    if "uniform" in rows:
        found["uniform"] = lambda picture: estimate_uniform(picture.blurry)
    if "path" in rows:
        found["path"] = lambda picture: estimate_path(picture.blurry)
    if "confident" in rows:
        found["path, where confident"] = lambda picture: ConfidenceGate()(picture.blurry)
    if "network" in rows:
        from vsdeblur.blind.estimate.kernels import load_kernel_estimator

        network = load_kernel_estimator()
        found["network"] = lambda picture: network(picture.blurry)
        found["network, then path"] = lambda picture: refine(picture.blurry, network(picture.blurry))
    if "em" in rows:
        from vsdeblur.blind.diffusion.em import load_diffusion_em

        em = load_diffusion_em()
        found["fast diffusion EM"] = lambda picture: em(picture.blurry)
    if "blind-dps" in rows:
        from vsdeblur.blind.diffusion.blind_dps import load_blind_dps

        parallel = load_blind_dps()
        found["BlindDPS"] = lambda picture: parallel(picture.blurry)
    if "bridge" in rows:
        from vsdeblur.blind.bridge.deconvolve import QUICK, load_bridge
        from vsdeblur.blind.diffusion.em import load_diffusion_em

        guided = replace(load_bridge("cddb"), start=QUICK)
        bridged = replace(load_diffusion_em(), draw=guided)
        found["EM with a guided bridge"] = lambda picture: bridged(picture.blurry)
    if PUBLIC in rows:
        found[PUBLIC] = AUTOMATIC
    return found | {f"{PUBLIC}, {name.partition(':')[0]}": name for name in deconvolvers}


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


def restored(picture: Blurred, find: Find | str) -> tuple[Tensor, float]:
    """The picture without the blur that ``find`` finds, or by the public call with that deconvolver; seconds of it."""
    begun = time.process_time()
    if isinstance(find, str):
        sharp = restore_frame(picture.blurry[0], deconvolver=None if find == AUTOMATIC else find)[0][None]
        return sharp, time.process_time() - begun
    blur = find(picture)
    seconds = time.process_time() - begun
    return PlugAndPlay(TotalVariation(strength=0.9, time=0.0))(picture.blurry, blur, picture.sigma), seconds


def with_true_blur(picture: Blurred, deconvolver: str) -> Tensor:
    """The picture restored with the true blur and level of noise, by what a row of the public call restores with."""
    name = None if deconvolver == AUTOMATIC else deconvolver
    restore = deconvolver_of(name, None, linear=False, clip=1.0, device=torch.device("cpu"))
    return restore(picture.blurry, true_blur(picture), picture.sigma)


def run(pictures: Iterable[Blurred], rows: dict[str, Find | str]) -> Scores:
    """rows: of ``finders``, the true blur first."""
    scores: Scores = {name: {"gain": [], "as it is": [], "ratio": [], "seconds": []} for name in rows}
    for picture in pictures:
        blurry, plain = aligned_psnr(picture.blurry, picture.sharp), psnr(picture.blurry, picture.sharp, CUT)
        known = 0.0
        for name, find in rows.items():
            sharp, seconds = restored(picture, find)
            gain = aligned_psnr(sharp, picture.sharp) - blurry
            known = gain if name == TRUE else known
            best = known
            if isinstance(find, str):
                best = aligned_psnr(with_true_blur(picture, find), picture.sharp) - blurry
            scores[name]["seconds"].append(round(seconds, 2))
            scores[name]["as it is"].append(round(psnr(sharp, picture.sharp, CUT) - plain, 3))
            scores[name]["gain"].append(round(gain, 3))
            scores[name]["ratio"].append(round(10 ** ((best - gain) / 10), 3))
            if isinstance(find, str):
                scores[name].setdefault("true blur", []).append(round(best, 3))
        gains = {name: round(values["gain"][-1], 2) for name, values in scores.items()}
        print(picture.name, f"{picture.extent:.1f} px, {blurry:.2f} dB", gains, flush=True)
    return scores


def lines(scores: Scores) -> list[list[str]]:
    def row(name: str, values: dict[str, list[float]]) -> list[str]:
        gain, ratio, plain = (np.array(values[key]) for key in ("gain", "ratio", "as it is"))
        near = "" if name == TRUE else f"{(ratio < 3).mean():.0%}"
        seconds = "" if name == TRUE else f"{np.mean(values['seconds']):.1f}"
        gains = (gain.mean(), np.median(gain), gain.min(), plain.mean())
        best = f"{np.mean(values['true blur']):+.2f}" if "true blur" in values else ""
        return [name, *(f"{x:+.2f}" for x in gains), near, best, seconds]

    return [row(name, values) for name, values in scores.items()]


def main(
    photos: Path, count: int, only: list[str], rows: list[str], others: bool, name: str, deconvolvers: list[str]
) -> None:
    torch.set_num_threads(1)
    chosen = held_out(photos, count)
    rest = [path for path in held_out(photos, len(find_photos(photos)[1])) if path not in chosen] if others else []
    found: dict[str, Scores] = {}
    parts = []
    dim = spread([path for path in find_photos(photos)[1] if path not in chosen], DIM)
    for kind, make in KINDS.items():
        if kind not in only:
            continue
        first = dim if kind == DARK else chosen
        for label, some in ((f"{len(first)} pictures", first), (f"{len(rest)} others", [] if kind == DARK else rest)):
            if some:
                title = f"{kind}, {label}"
                found[title] = run(make(some), finders(rows if some is first else [PUBLIC], deconvolvers))
                head = [title, "mean gain, dB", "median", "least", "as it is", "ratio below 3", "with the true blur"]
                head.append("s a picture")
                parts.append(table(head, lines(found[title])))
    pictures = [path.stem for path in (*chosen, *rest)]
    write_results(name, {"machine": machine(), "pictures": pictures, "scores": found}, "\n\n".join(parts), PICTURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs; the held-out tenth is used")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=[LEVIN, SHAKEN])
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=["uniform", "path", "confident", "network", "em", "blind-dps", "bridge", PUBLIC],
        default=["uniform", "path"],
    )
    parser.add_argument("--others", action="store_true", help="the rest of the held-out photographs too, public alone")
    parser.add_argument("--name", default="blind", help="of the result files")
    parser.add_argument(
        "--deconvolvers", nargs="+", default=[], metavar="NAME", help="rows of the public call with them"
    )
    given = parser.parse_args()
    main(given.photos, given.pictures, given.only, given.rows, given.others, given.name, given.deconvolvers)
