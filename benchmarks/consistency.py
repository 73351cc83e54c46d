"""What has to hold whatever the picture: four short tables, generated scenes and, with clips, real ones.

python benchmarks/consistency.py [--clips-dir DIR] [--preset balanced] [--tables one still reversed range]

one       factor 1 against the same instant of factor 8: as good, and cheaper
still     what stands still loses nothing beside what moves
reversed  the reversed clip gives the reversed result
range     no factor and no shutter makes a clip worse
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import machine, table
from records import SCENES, write_results

from vsdeblur.bench.measures.psnr import psnr
from vsdeblur.bench.protocol import Clip, blur, load, to_8bit
from vsdeblur.settings import PRESETS
from vsdeblur.synthetic.scene import Scene
from vsdeblur.timing import instant, output_count

FACTOR = 8
CLIPS = {"gopro-karma": (320, 200), "drive-1080p": (320, 40), "sports2d": (320, 60), "bikes": (256, 60)}
FACTORS = ("1", "2", "5/2", "4", "8", "16")
SHUTTERS = (0.1, 0.25, 0.5, 0.75, 1.0)
STEPS = 16  # instants that an exposure of a generated scene is averaged from
NOISE = 2.0  # code values, in the still scene
Film = tuple[str, Any, Any, str]  # name, sharp and blurry frames (T, H, W, 3) uint8, transfer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tables: dict[str, Callable[[argparse.Namespace], tuple[list[str], list[list[str]]]]] = {
        "one": one,
        "still": still,
        "reversed": backwards,
        "range": everything,
    }
    parser.add_argument("--clips-dir", type=Path, default=None)
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--tables", nargs="+", choices=list(tables), default=list(tables))
    parser.add_argument("--name", default="consistency", help="of the result files")
    given = parser.parse_args()
    found = {name: tables[name](given) for name in given.tables}
    values = {"machine": machine(), "preset": given.preset, "tables": found}
    write_results(given.name, values, "\n\n".join(table(*part) for part in found.values()), SCENES)


def one(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    """At 5/8 the middle of the exposure is sub-frame 2 of 8. The time is that of the whole clip, by one quadrature."""
    rows = []
    for name, sharp, blurry, transfer in films(given, 5):
        truth = sharp[2::FACTOR]
        alone, seconds = restored(blurry, 1, 5 / FACTOR, given.preset, transfer, quadrature="integral")
        joint, whole = restored(blurry, FACTOR, 5 / FACTOR, given.preset, transfer, quadrature="integral")
        scores = [quality(u, truth) for u in (blurry, joint[2::FACTOR], alone)]
        rows.append([name, *(f"{x:.2f}" for x in scores), f"{scores[2] - scores[1]:+.3f}", f"{seconds / whole:.2f}"])
    return ["factor 1 at 5/8, dB", "blurry", "joint", "factor 1", "difference", "time"], rows


def still(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    rows = []
    for name, sharp, blurry, transfer in still_films(given):
        mask = unmoved(sharp)
        u, _ = restored(blurry, FACTOR, 1.0, given.preset, transfer)
        repeated = np.repeat(blurry, FACTOR, axis=0)
        before, after = (quality(x, sharp, mask) for x in (repeated, u))
        moving = [quality(x, sharp, ~mask) for x in (repeated, u)]
        share = f"{100 * mask.mean():.0f}%"
        gain = f"{moving[1] - moving[0]:+.2f}"
        rows.append([name, share, f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}", gain])
    return ["still areas at 8/8, dB", "share", "repeat", "restored", "difference", "elsewhere"], rows


def backwards(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    """Reversed, an exposure ends where its period does: what comes out is shifted by the closed sub-frames."""
    rows = []
    for m in (8, 5):
        for name, sharp, blurry, transfer in films(given, m):
            ahead, _ = restored(blurry, FACTOR, m / FACTOR, given.preset, transfer)
            back, _ = restored(blurry[::-1], FACTOR, m / FACTOR, given.preset, transfer)
            shift = FACTOR - m
            ahead, truth = ahead[: len(ahead) - shift], sharp[: len(sharp) - shift]
            back = back[: len(back) - shift][::-1]
            scores = [quality(u, truth) for u in (ahead, back)]
            alike = quality(back, ahead)
            rows.append(
                [f"{name}, {m}/8", *(f"{x:.2f}" for x in scores), f"{scores[1] - scores[0]:+.2f}", f"{alike:.2f}"]
            )
    return ["reversed, dB", "forwards", "backwards", "difference", "one against the other"], rows


def everything(given: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    scene = Scene(96, 160)
    rows = []
    for shutter in SHUTTERS:
        blurry = exposures(scene.at, shutter)
        cells = []
        for factor in map(Fraction, FACTORS):
            times = [instant(j, factor, shutter) for j in range(output_count(len(blurry), factor))]
            inner = [j for j, t in enumerate(times) if 1 <= t < len(blurry) - 1]
            truth = np.stack([stored(scene.at(times[j])) for j in inner])
            repeated = np.stack([blurry[math.floor(times[j])] for j in inner])
            u, _ = restored(blurry, factor, shutter, given.preset, "gamma2.2", quadrature="integral")
            scores = [np.mean([psnr(a, b) for a, b in zip(x, truth, strict=True)]) for x in (repeated, u[inner])]
            cells.append(f"{scores[1] - scores[0]:+.2f}")
        rows.append([f"{shutter:g}", *cells])
    return ["gain by shutter and factor, dB", *FACTORS], rows


def films(given: argparse.Namespace, m: int) -> Iterator[Film]:
    scene = Scene(96, 160)
    sharp = np.stack([stored(scene.at((j + 0.5) / FACTOR)) for j in range(5 * FACTOR)])
    yield "generated", sharp, exposures(scene.at, m / FACTOR), "gamma2.2"
    for name in CLIPS if given.clips_dir else ():
        sharp = of_list(given.clips_dir, name)
        yield name, sharp, blur(sharp, FACTOR, m), "linear"


def still_films(given: argparse.Namespace) -> Iterator[Film]:
    """A disc that passes by before a wall, with noise, and a walker before a camera on a tripod."""
    wall, patch = Scene(160, 256).at(0), Scene(64, 64, seed=3).at(0)
    disc = np.zeros((64, 64, 1), np.float32)
    cv2.circle(disc, (32, 32), 26, 1.0, -1, cv2.LINE_AA)
    layer = np.concatenate((patch * disc, disc), 2)

    def at(t: float) -> Any:
        place = np.array([[1, 0, 20 + 14 * t], [0, 1, 50 + 3 * t]])
        drawn = cv2.warpAffine(layer, place, (256, 160), flags=cv2.INTER_LINEAR)
        return wall * (1 - drawn[..., 3:]) + drawn[..., :3]

    sharp = np.stack([stored(at((j + 0.5) / FACTOR)) for j in range(5 * FACTOR)])
    blurry = exposures(at, 1.0)
    noisy = blurry + np.random.default_rng(1).normal(0, NOISE, blurry.shape)
    yield "generated", sharp, blurry, "gamma2.2"
    yield f"generated, noise {NOISE:g}/255", sharp, np.rint(noisy).clip(0, 255).astype(np.uint8), "gamma2.2"
    if given.clips_dir:
        sharp = of_list(given.clips_dir, "sports2d")
        yield "sports2d", sharp, blur(sharp, FACTOR, FACTOR), "linear"


def of_list(folder: Path, name: str) -> Any:
    width, start = CLIPS[name]
    return load(Clip(folder / f"{name}.mp4", width, start), FACTOR)


def unmoved(sharp: Any) -> Any:
    """(H, W): where no frame differs from the first by more than noise does, seen around 5 x 5 pixels."""
    first = sharp[0].astype(np.float32)
    most = np.max([cv2.blur(np.abs(x - first), (5, 5)).max(-1) for x in sharp.astype(np.float32)], axis=0)
    return most < 4


def exposures(at: Callable[[float], Any], shutter: float, periods: int = 5) -> Any:
    times = [shutter * (k + 0.5) / STEPS for k in range(STEPS)]
    return np.stack([stored(np.mean([at(n + t) for t in times], axis=0)) for n in range(periods)])


def stored(light: Any) -> Any:
    return to_8bit(np.asarray(light, np.float64).clip(0, 1) ** (1 / 2.2))


def restored(
    blurry: Any, factor: Any, shutter: float, preset: str, transfer: str, quadrature: str | None = None
) -> tuple[Any, float]:
    """Frames (T, H, W, 3) uint8, and seconds of processor time. quadrature: taps for what was averaged when None."""
    import torch

    from vsdeblur import restore

    if quadrature is None:
        quadrature = "taps" if transfer == "linear" else "integral"
    v = torch.from_numpy(blurry.copy()).permute(0, 3, 1, 2).float() / 255
    begin = time.process_time()
    u = restore(v, factor, shutter, transfer, preset, quadrature=quadrature)
    seconds = time.process_time() - begin
    return to_8bit(u.permute(0, 2, 3, 1).numpy()), seconds


def quality(u: Any, truth: Any, mask: Any = None) -> float:
    """Mean over frames of PSNR, the first and the last period left out."""
    edge = len(truth) // 5
    inside = range(edge, len(truth) - edge)
    return float(np.mean([psnr(u[k], truth[k]) if mask is None else psnr(u[k][mask], truth[k][mask]) for k in inside]))


if __name__ == "__main__":
    main()
