"""Repeated frames: what leaving them out is worth.

python benchmarks/duplicates.py [--clips-dir DIR] [--preset fast] [--crf 18 23 28 33]

Generated scenes, shutter 0.5, and with --clips-dir some clips of clips.toml averaged 5/8. "24 in 30": every fourth
frame comes twice, as when a camera of 24 frames a second is recorded at 30. "missed": every fifth frame is a copy of
the one before, as when a camera missed it. Every output is compared with what was there at its instant, the first and
the last period of the cadence left out. "taken as they are" is duplicates=False; "no repeats" restores the camera's
own frames (for "missed": all of them), the most that can be had. "worst": the mean over the worst tenth of the
outputs. --crf: all clips, 24 in 30, through x264, and how many repeats are found after that; and how many without any.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from common import machine, table
from records import SCENES, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.clip.repeats import Thumbnail, find_repeats, thumbnail
from vsdeblur.synthetic.scene import Scene

FACTOR, PERIODS = 8, 13
HEIGHT, WIDTH = 144, 200
FINE = 40  # instants per period that light is summed over; a multiple of FACTOR
CLIPS = ("gopro-karma", "drive-1080p", "gopro-max-heromode")
LIST = Path(__file__).parent / "clips.toml"
Pair = tuple[float, float]  # dB: all, worst


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """sharp: (T, C, H, W), FACTOR a period of the camera. blurry: the camera's frames."""

    name: str
    sharp: Tensor
    blurry: Tensor
    shutter: float
    quadrature: str


def generated() -> Case:
    scene = Scene(HEIGHT, WIDTH)
    light = np.stack([scene.at((k + 0.5) / FINE) for k in range(PERIODS * FINE)])
    film = torch.from_numpy(light).permute(0, 3, 1, 2)
    step = FINE // FACTOR  # an odd number of instants: the middle one is the sub-frame's
    blurry = film.unflatten(0, (PERIODS, FINE))[:, : FINE // 2].mean(1)
    return Case("generated", film[step // 2 :: step].contiguous(), _stored(blurry), 0.5, "integral")


def filmed(folder: Path) -> Iterator[Case]:
    chosen = [replace(clip, periods=PERIODS) for clip in run.read_list(LIST, folder)]
    for name, frames, _ in run.from_files([clip for clip in chosen if clip.path.stem in CLIPS], FACTOR):
        sharp = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
        yield Case(name, sharp, _stored(sharp.unflatten(0, (-1, FACTOR))[:, :5].mean(1)), 5 / 8, "taps")


def _stored(light: Tensor) -> Tensor:
    return (light * 255).round() / 255


def scores(case: Case, factor: Fraction, order: list[int], preset: str) -> dict[str, Pair]:
    """order: which of the camera's frames each frame of the clip shows; ``factor`` outputs each, at the sub-frames."""
    v = case.blurry[order]
    count = int(len(v) * factor)
    inner = slice(5 * int(factor), count - 5 * int(factor))

    def scored(frames: Tensor, times: Fraction, **more: Any) -> Pair:
        u = restore(frames, times, shutter=case.shutter, preset=preset, quadrature=case.quadrature, **more)
        error = (u.clamp(0, 1)[:count] - case.sharp[:count]).square().flatten(1).mean(1)
        decibels = (-10 * error.log10()).clamp(max=60)[inner].sort().values
        return float(decibels.mean()), float(decibels[: max(len(decibels) // 10, 1)].mean())

    return {
        "taken as they are": scored(v, factor, duplicates=False),
        "left out": scored(v, factor),
        "no repeats": scored(case.blurry, Fraction(FACTOR)),
    }


def coded(folder: Path, crf: int) -> list[str]:
    """Repeats found of those that there are, and of none."""
    right = there = wrong = frames = 0
    for _, sharp, _ in run.from_files([replace(clip, periods=4) for clip in run.read_list(LIST, folder)], FACTOR):
        slow = [n * 4 // 5 for n in range(len(sharp) * 5 // 4)]
        seen = find_repeats(_after_x264(sharp[slow], crf))
        repeats = [n > 0 and slow[n] == slow[n - 1] for n in range(len(slow))]
        plain = find_repeats(_after_x264(sharp, crf))
        right += sum(a and b for a, b in zip(seen, repeats, strict=True))
        wrong += sum(a and not b for a, b in zip(seen, repeats, strict=True)) + sum(plain)
        there, frames = there + sum(repeats), frames + len(slow) - sum(repeats) + len(sharp)
    return [f"x264, CRF {crf}", f"{right} of {there}", f"{wrong} of {frames}"]


def _after_x264(frames: protocol.Frames, crf: int) -> list[Thumbnail]:
    file = BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf)})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as container:
        return [thumbnail([frame.to_ndarray(format="gray")], 255) for frame in container.decode(video=0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--crf", type=int, nargs="*", default=[18, 23, 28, 33])
    parser.add_argument("--name", default="duplicates")
    given = parser.parse_args()
    slow = [n * 4 // 5 for n in range(PERIODS * 5 // 4)]
    missed = [n - 1 if n % 5 == 3 else n for n in range(PERIODS)]
    rows, values = [], {}
    for case in chain([generated()], filmed(given.clips_dir) if given.clips_dir else ()):
        kinds = (("24 in 30", Fraction(4 * FACTOR, 5), slow), ("missed", Fraction(FACTOR), missed))
        for kind, factor, order in kinds:
            found = scores(case, factor, order, given.preset)
            values[f"{case.name}, {kind}"] = found
            cells = [f"{all_:.2f} / {worst:.2f}" for all_, worst in found.values()]
            rows.append(
                [f"{case.name}, {kind}", *cells, f"{found['left out'][0] - found['taken as they are'][0]:+.2f}"]
            )
            print(rows[-1], flush=True)
        same = restore(case.blurry[:6], 2, shutter=case.shutter, preset=given.preset, duplicates=True)
        if not torch.equal(
            same, restore(case.blurry[:6], 2, shutter=case.shutter, preset=given.preset, duplicates=False)
        ):
            raise SystemExit(f"{case.name} has no repeats, and yet a difference was made")
    head = ["PSNR, dB: all / worst tenth", "taken as they are", "left out", "no repeats", "gain"]
    text = table(head, rows)
    after = [coded(given.clips_dir, crf) for crf in given.crf] if given.clips_dir else []
    if after:
        text += "\n" + table(["24 in 30, through a coder", "repeats found", "found where there is none"], after)
    write_results(
        given.name, {"machine": machine(), "preset": given.preset, "psnr": values, "coded": after}, text, SCENES
    )


if __name__ == "__main__":
    main()
