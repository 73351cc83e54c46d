"""Restoration with a known blur: gains over the blurry picture, on photographs that were never trained on.

python benchmarks/deconvolve.py --photos PHOTOS [--pictures 20] [--only shaken levin extreme] [--name deconvolve]
                                [--rows plug bridge diffusion] [--bridge WEIGHTS] [--diffusion WEIGHTS]
                                [--latent WEIGHTS]

shaken: projective camera shake of 5 to 25 px at 256 x 256 in colour; levin: one winding kernel of 13 to 27 px, 255 x
255, grey; noise 1% in both (see blurred.py for how the blur is made). extreme: two planes that move by 40 to 80 px in
different ways, 512 x 512, noise 0.5%. Gains in dB PSNR, in brackets without the outer 16 px; SSIMULACRA 2 of the
pictures in 8 bits; times are of the processor, one thread. --rows takes those whose names have one of the words,
--bridge and --diffusion weights of ``vsdeblur train`` in the place of the project's; --latent weights for rows of their
own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from blurred import CUT, Blurred, TwoPlanes, held_out, levin_kind, shaken, spread, two_planes
from common import psnr, table
from records import PICTURES, write_results
from torch import Tensor

from vsdeblur.bench.measures.ssimulacra2 import ssimulacra2
from vsdeblur.bench.protocol import Frames
from vsdeblur.blind.bridge.deconvolve import load_bridge
from vsdeblur.blind.bridge.indi import InDI
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.protocol import Deconvolver
from vsdeblur.blind.deconvolve.richardson_lucy import RichardsonLucy
from vsdeblur.blind.deconvolve.unrolled import load_unrolled_deconvolution
from vsdeblur.blind.diffusion.deconvolve import load_diffusion
from vsdeblur.blind.operators.piecewise import PiecewiseBlur
from vsdeblur.blind.operators.projective import ProjectiveBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import sampled_flow
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.priors import TotalVariation, get_prior
from vsdeblur.training.photos import find_photos, read_photo

LARGE = 600  # px, the shorter side of photographs for extreme blur

Scores = dict[str, dict[str, list[float]]]


def deconvolvers(
    weights: Path | None = None, diffusion: Path | None = None, latent: Path | None = None
) -> dict[str, Deconvolver]:
    """The rows: anything that takes (v, blur, sigma). latent: weights of ``vsdeblur train latent``, for three more."""
    bridge = load_bridge("indi", weights)
    video, calm = get_prior("video"), TotalVariation(strength=0.5, time=0.0, steps=10)
    rows: dict[str, Deconvolver] = {
        "Richardson-Lucy": RichardsonLucy(30),
        "Richardson-Lucy, TV": RichardsonLucy(60, variation=0.01),
        "plug and play, TV": PlugAndPlay(TotalVariation(strength=0.9, time=0.0)),
        "plug and play, video": PlugAndPlay(video),
        "plug and play, video then TV": PlugAndPlay(lambda u, level: calm(video(u, level), level)),
        "unrolled": load_unrolled_deconvolution(),
        "bridge, InDI, 1 step": bridge,
        "bridge, InDI, 1 step, consistent": replace(bridge, consistent=True),
        "bridge, InDI, 3 steps": replace(bridge, bridge=InDI(3)),
        "bridge, InDI, 3 steps, consistent": replace(bridge, bridge=InDI(3), consistent=True),
        "bridge, I2SB": load_bridge("i2sb", weights),
        "bridge, CDDB": load_bridge("cddb", weights),
        "diffusion, DDS": load_diffusion("dds", diffusion),
        "diffusion, DDS, one sample": load_diffusion("dds", diffusion).with_seed(0),
        "diffusion, PiGDM": load_diffusion("pigdm", diffusion),
        "diffusion, DPS": load_diffusion("dps", diffusion),
        "diffusion, split Gibbs": load_diffusion("split-gibbs", diffusion),
        "diffusion, split Gibbs, one sample": load_diffusion("split-gibbs", diffusion).with_seed(0),
    }
    return rows | (latent_rows(latent) if latent else {})


def latent_rows(weights: Path) -> dict[str, Deconvolver]:
    """In about the time of DDS on pictures."""
    return {
        f"latent diffusion, {name}, {steps} steps": load_diffusion(method, prior=f"latent:{weights}").with_steps(steps)
        for name, method, steps in (("DDS", "dds", 2), ("PiGDM", "pigdm", 4), ("split Gibbs", "split-gibbs", 2))
    }


def true_blur(picture: Blurred) -> Blur:
    size = (picture.blurry.shape[-2], picture.blurry.shape[-1])
    if picture.kernel is not None:
        return UniformBlur(picture.kernel, size)
    path = torch.from_numpy(picture.path).float()
    return sampled_flow(ProjectiveBlur.along(path, size, step=0.5, kernel="bicubic"))


def run[B: Blurred | TwoPlanes](
    pictures: Iterable[B], rows: dict[str, Deconvolver], blur: Callable[[B], Blur]
) -> Scores:
    found: Scores = {name: {"gain": [], "inner": [], "seen": [], "seconds": []} for name in rows}
    for picture in pictures:
        known = blur(picture)
        for name, restore in rows.items():
            begun = time.process_time()
            u = restore(picture.blurry, known, picture.sigma)
            found[name]["seconds"].append(time.process_time() - begun)
            found[name]["seen"].append(round(ssimulacra2(in_code(u), in_code(picture.sharp))[0], 2))
            for key, cut in (("gain", 0), ("inner", CUT)):
                gain = psnr(u, picture.sharp, cut) - psnr(picture.blurry, picture.sharp, cut)
                found[name][key].append(round(gain, 3))
        gains = {name: round(values["gain"][-1], 2) for name, values in found.items()}
        print(picture.name, f"{picture.extent:.1f} px, {psnr(picture.blurry, picture.sharp):.2f} dB", gains, flush=True)
    return found


def extreme(pictures: list[TwoPlanes]) -> Scores:
    """One path for the whole picture, the far plane's or the near one's, against both with the near plane's matte."""
    prior = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=6, steps=8)

    def single(p: int) -> Callable[[TwoPlanes], Blur]:
        return lambda b: sampled_flow(ProjectiveBlur.along(torch.from_numpy(b.paths[p]).float(), (512, 512), step=1.0))

    def both(b: TwoPlanes) -> Blur:
        return PiecewiseBlur.along([torch.from_numpy(path).float() for path in b.paths], b.mattes, (512, 512))

    blurs = {"single path, far": single(0), "single path, near": single(1), "piecewise": both}
    found: Scores = {}
    for name, blur in blurs.items():
        found |= run(pictures, {name: prior}, blur)
    return found


def lines(scores: Scores) -> list[list[str]]:
    def row(name: str, values: dict[str, list[float]]) -> list[str]:
        gain = np.array(values["gain"])
        means = f"{gain.mean():+.2f} ({np.mean(values['inner']):+.2f})"
        seen = f"{np.mean(values['seen']):.1f}"
        return [name, means, seen, f"{np.median(gain):+.2f}", f"{gain.min():+.2f}", f"{np.mean(values['seconds']):.1f}"]

    return [row(name, values) for name, values in scores.items()]


def in_code(u: Tensor) -> Frames:
    """(1, H, W, 3) of 8 bits."""
    codes = (u.clamp(0, 1) * 255).round().to(torch.uint8).expand(-1, 3, -1, -1)
    return codes.permute(0, 2, 3, 1).contiguous().numpy()


def main(photos: Path, count: int, only: list[str], name: str, words: list[str], *weights: Path | None) -> None:
    torch.set_num_threads(1)
    rows = {row: restore for row, restore in deconvolvers(*weights).items() if any(word in row for word in words)}
    chosen = held_out(photos, count)
    found: dict[str, Scores] = {}
    parts = []
    for kind, make in (("shaken", shaken), ("levin", levin_kind)):
        if kind not in only:
            continue
        found[kind] = run(make(chosen), rows, true_blur)
        head = [f"{kind}, {len(chosen)} pictures", "mean gain, dB", "SSIMULACRA 2", "median", "least", "s a picture"]
        parts.append(table(head, lines(found[kind])))
    if "extreme" in only:
        large = [path for path in find_photos(photos)[1] if min(read_photo(path).shape[:2]) >= LARGE]
        found["extreme"] = extreme(list(two_planes(spread(large, max(2, count // 6)))))
        head = [
            f"extreme, {len(found['extreme']['piecewise']['gain'])} pictures",
            "mean gain, dB",
            "SSIMULACRA 2",
            "median",
        ]
        parts.append(table([*head, "least", "s a picture"], lines(found["extreme"])))
    write_results(name, {"pictures": [path.stem for path in chosen], "scores": found}, "\n\n".join(parts), PICTURES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=["shaken", "levin", "extreme"])
    parser.add_argument("--name", default="deconvolve")
    parser.add_argument("--rows", nargs="+", default=[""])
    parser.add_argument("--bridge", type=Path)
    parser.add_argument("--diffusion", type=Path)
    parser.add_argument("--latent", type=Path)
    given = parser.parse_args()
    main(given.photos, given.pictures, given.only, given.name, given.rows, given.bridge, given.diffusion, given.latent)
