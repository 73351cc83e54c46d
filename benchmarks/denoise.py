"""Denoising alone: photographs that were never trained on, moved as clips, noise of 10 to 40 code values.

python benchmarks/denoise.py --photos PHOTOS [--clips 12] [--weights denoiser.safetensors]

Five frames of each scene get white noise and are rounded to 8 bits; the middle one is scored (PSNR, mean over scenes).
Total variation in space and time and OpenCV's non-local means over the same five frames are tuned for every level on
scenes of their own (strength and time; strength): each is given its best. Time is of the processor, one thread for all,
for one frame of 640 x 360.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from common import psnr, table
from records import DENOISERS, write_results
from torch import Tensor

from vsdeblur.priors.fastdvdnet import FastDvdNet, FastDvdPrior
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.priors.video import FrameWindowDenoiser, load_video
from vsdeblur.training.material import Material
from vsdeblur.training.moving import MovingFrames
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Pool

LEVELS = (5, 10, 20, 30, 40)
TUNED = 3  # scenes that the others are tuned on
MIDDLE = 2
STRENGTHS, TIMES = (0.6, 0.75, 0.9, 1.1), (0.5, 0.8, 1.2, 2.0)
NLM = (0.4, 0.55, 0.7, 0.85)

Denoise = Callable[[Tensor], Tensor]  # noisy (5, 3, H, W) -> the middle frame


def noisy(sharp: Tensor, level: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharp + level * torch.randn(sharp.shape, generator=generator)).round().clamp(0, 255) / 255


def scores(denoise: Denoise, scenes: Sequence[Tensor], level: float) -> np.ndarray:
    return np.array([psnr(denoise(noisy(s, level, k)), s[MIDDLE] / 255) for k, s in enumerate(scenes)])


def best[P](options: Iterable[P], make: Callable[[P], Denoise], scenes: Sequence[Tensor], level: float) -> P:
    return max(options, key=lambda option: float(scores(make(option), scenes, level).mean()))


def total_variation(level: float, strength: float, weight: float) -> Denoise:
    return lambda v: TotalVariation(strength, weight, 30)(v, level / 255)[MIDDLE]


def non_local_means(level: float, strength: float) -> Denoise:
    def denoise(v: Tensor) -> Tensor:
        frames = [np.ascontiguousarray(x) for x in (v * 255).round().byte().permute(0, 2, 3, 1).numpy()[..., ::-1]]
        h = strength * level
        clean = cv2.fastNlMeansDenoisingColoredMulti(frames, MIDDLE, 5, None, h, h, 7, 21)
        return torch.from_numpy(clean[..., ::-1].copy()).permute(2, 0, 1) / 255

    return denoise


def learned(prior: FrameWindowDenoiser, level: float) -> Denoise:
    return lambda v: prior.middle(v[None], level / 255)[0]


def seconds(denoise: Denoise) -> float:
    """Of the processor, for one frame of 640 x 360 with its neighbours; the better of two."""
    v = noisy(torch.rand(5, 3, 360, 640, generator=torch.Generator().manual_seed(0)) * 255, 20, 0)
    spent = []
    for _ in range(2):
        begun = time.process_time()
        denoise(v)
        spent.append(time.process_time() - begun)
    return min(spent)


@torch.inference_mode()
def main(photos: Path, clips: int, weights: Path | None) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    kept, held_out = find_photos(photos)
    with tempfile.TemporaryDirectory() as folder:
        tuning, held = (
            [
                Pool(Path(folder) / name, MovingFrames(Material(chosen), 192), 77)[k]["sharp"].float()
                for k in range(count)
            ]
            for name, chosen, count in (("tuning", kept, TUNED), ("held", held_out, clips))
        )
    network = load_video(weights)
    rows: dict[str, list[str]] = {name: [] for name in ("noisy", "TV", "NLM", "video")}
    rows |= {f"video - {other}, {kind}": [] for other in ("TV", "NLM") for kind in ("mean", "median")}
    for level in LEVELS:
        tv = best(product(STRENGTHS, TIMES), lambda p: total_variation(level, *p), tuning, level)  # noqa: B023
        nlm = best(NLM, lambda h: non_local_means(level, h), tuning, level)  # noqa: B023
        others = {
            "TV": (total_variation(level, *tv), f"({tv[0]:g}, {tv[1]:g})"),
            "NLM": (non_local_means(level, nlm), f"({nlm:g})"),
        }
        ours = scores(learned(network, level), held, level)
        rows["noisy"].append(f"{scores(lambda v: v[MIDDLE], held, level).mean():.2f}")
        rows["video"].append(f"{ours.mean():.2f}")
        for name, (denoise, tuned) in others.items():
            theirs = scores(denoise, held, level)
            rows[name].append(f"{theirs.mean():.2f} {tuned}")
            rows[f"video - {name}, mean"].append(f"{(ours - theirs).mean():+.2f}")
            rows[f"video - {name}, median"].append(f"{np.median(ours - theirs):+.2f}")
        print(level, {name: values[-1] for name, values in rows.items()}, flush=True)
    spent = {
        "video": seconds(learned(network, 20)),
        "TV": seconds(total_variation(20, 0.9, 0.8)),
        "NLM": seconds(non_local_means(20, 0.7)),
        "FastDVDnet, untrained": seconds(learned(FastDvdPrior(FastDvdNet()), 20)),
    }
    quality = table(["PSNR, dB; noise of", *(f"{level}/255" for level in LEVELS)], [[k, *v] for k, v in rows.items()])
    times = table(
        ["one frame of 640 x 360, one thread", "s", "of NLM"],
        [[name, f"{s:.2f}", f"{s / spent['NLM']:.3f}"] for name, s in spent.items()],
    )
    note = f"{clips} scenes from held-out photographs; TV: (strength, time), NLM: (h / sigma), both tuned on others."
    write_results("denoise", {"quality": rows, "seconds": spent}, "\n\n".join((quality, note, times)), DENOISERS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    main(given.photos, given.clips, given.weights)
