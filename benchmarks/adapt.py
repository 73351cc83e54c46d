"""Adapting to clips: sharp clips are blurred by averaging, adapted to, and restored by new and by bundled weights.

python benchmarks/adapt.py --clips-dir DIR [--list FILE] [--network key-frames] [--minutes 5] [--jobs 2] [--seed 0]

Every frame of the blurry clip is the mean of ``factor`` sharp ones. ``adapt`` sees the blurry clip alone; the truth is
used for scoring. Gains are of PSNR over all restored frames but the first and last period, new weights over bundled
ones: of key frames with preset "balanced", of instants with "best", of single pictures with the frames restored each by
itself along the clip's motion; "agreement" is what the choice to keep them was made by. Choices are right where new
weights were kept and gained, or were not kept and would have gained no more than 0.02 dB. Jobs run side by side, each
on a core of its own.

The list (adapt.toml) names clips unlike the training data. Two of them are made so: "night" is a quarter as bright,
with a sensor's noise, "noise and compression" has noise of 4/255 and H.264 at a rate factor of 26.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from common import HERE, machine, psnr, table
from records import RESTORATION, write_results

from vsdeblur import restore
from vsdeblur.bench import protocol
from vsdeblur.bench.run import read_list
from vsdeblur.filters.pyav.file.read import count_frames
from vsdeblur.training.adapt import INSTANTS, KEY_FRAMES, NETWORKS, PICTURES
from vsdeblur.training.adapt.agreement import Exposures
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.networks import ADAPTABLE
from vsdeblur.training.adapt.run import adapt
from vsdeblur.training.degrade import Degradation, degraded
from vsdeblur.weights import fill

SAME = 0.02  # dB
DARK = 0.25
SHOT, READ = math.log(6e-4), math.log(4e-6)
SHOWN = {
    "062-square-walkers": "night",
    "gym-60fps": "noise and compression",
    "gopro-karma": "drone",
    "018-toy-blocks-1": "text",
    "020-coffee-pour": "water",
    "001-pomeranian-run": "animals",
}
MADE = {
    "night": Degradation(clean=0, shot=(SHOT, SHOT), read=(READ, READ), compressed=0),
    "noise and compression": Degradation(
        clean=0, shot=(-40, -40), read=(2 * math.log(4 / 255),) * 2, compressed=1, video=1, crf=(26, 27)
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A clip of the list, and how it is adapted to."""

    what: str
    clip: protocol.Clip
    network: str
    minutes: float
    factor: int
    periods: int
    seed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", type=Path, default=HERE / "adapt.toml")
    parser.add_argument("--only", nargs="+", help="entries of the list, by what they show")
    parser.add_argument("--network", choices=NETWORKS, default=KEY_FRAMES)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--periods", type=int, default=24, help="blurry frames, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="clips at a time")
    parser.add_argument("--name", help='of the result files; "adapt", or "adapt-NETWORK" of another than key frames')
    given = parser.parse_args()
    how = (given.network, given.minutes, given.factor, given.periods, given.seed)
    clips = {SHOWN.get(clip.path.stem, clip.path.stem): clip for clip in read_list(given.list, given.clips_dir)}
    cases = [Case(what, clip, *how) for what, clip in clips.items() if given.only is None or what in given.only]
    context = multiprocessing.get_context("spawn")
    cores: Queue[int] = context.Queue()
    for core in sorted(os.sched_getaffinity(0))[: given.jobs]:
        cores.put(core)
    with ProcessPoolExecutor(given.jobs, context, _on_a_core, (cores,)) as pool:
        values = dict(zip([case.what for case in cases], pool.map(measured, cases), strict=True))
    lines = [line(what, row) for what, row in values.items()]
    gains = [row["new"] - row["bundled"] if row["kept"] else 0.0 for row in values.values()]
    right = sum(row["right"] for row in values.values())
    head = ["clip", "bundled, dB", "gain of new weights, dB", "agreement, dB", "choice", "steps"]
    text = f"{given.network}, {given.minutes:g} minutes each, {given.factor}/{given.factor}\n\n{table(head, lines)}\n\n"
    text += f"As users get it: mean {np.mean(gains):+.3f} dB, worst {min(gains):+.3f}; {right} of {len(lines)} right."
    name = given.name or ("adapt" if given.network == KEY_FRAMES else f"adapt-{given.network}")
    measures = (*RESTORATION, "vsdeblur/training/adapt")
    write_results(name, {"machine": machine(), "minutes": given.minutes, "clips": values}, text, measures)


def line(what: str, row: dict[str, Any]) -> list[str]:
    gain, agreement = row["new"] - row["bundled"], float(np.mean(row["agreement"]))
    choice = ("kept" if row["kept"] else "bundled") + ("" if row["right"] else ", wrong")
    return [what, f"{row['bundled']:.2f}", f"{gain:+.3f}", f"{agreement:+.3f}", choice, f"{row['steps']}"]


def measured(case: Case) -> dict[str, Any]:
    """Adapt to one clip, and score both weights."""
    periods = min((count_frames(case.clip.path) - case.clip.start) // case.factor, case.periods)
    sharp = protocol.load(replace(case.clip, periods=periods), case.factor)
    sharp, blurry = made(sharp, case)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(blurry, folder / "blurry.mkv")
        found = adapt(
            [folder / "blurry.mkv"],
            folder / "out",
            case.minutes,
            networks=[case.network],
            shutter=1.0,
            transfer="linear",
            seed=case.seed,
        )
        new = folder / "out" / "run" / case.network  # whether they were kept or not
        bundled, own = (quality(blurry, sharp, case, weights) for weights in (None, new))
    (learned,) = found.networks
    gain = own - bundled
    right = gain > 0 if learned.kept else gain <= SAME
    row = {"bundled": bundled, "new": own, "agreement": list(learned.gains), "kept": learned.kept, "right": right}
    row |= {"steps": learned.steps, "parts": found.parts, "seconds": found.seconds}
    print(*line(case.what, row), sep="  ", flush=True)
    return row


def made(sharp: protocol.Frames, case: Case) -> tuple[protocol.Frames, protocol.Frames]:
    """The sharp frames as the clip should show them, and the blurry ones as a camera stores them."""
    if case.what == "night":
        sharp = np.rint(sharp * DARK).astype(np.uint8)
    blurry = protocol.blur(sharp, case.factor, case.factor)
    if case.what not in MADE:
        return sharp, blurry
    light = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    stored = degraded(light, 1.0, np.random.default_rng(case.seed), MADE[case.what])
    return sharp, stored.permute(0, 2, 3, 1).contiguous().numpy()


def quality(blurry: protocol.Frames, sharp: protocol.Frames, case: Case, weights: Path | None) -> float:
    """PSNR, dB, of the inner periods; weights: folder of the run of the network, None for the bundled ones."""
    v = _tensor(blurry)
    if case.network == PICTURES:
        return _pictures(v, _tensor(sharp), case, weights)
    preset, solver = "balanced", None
    if case.network == INSTANTS:
        preset = "best"
    if weights is not None:
        solver = f"unrolled:{weights if case.network == INSTANTS else weights / 'unrolled.safetensors'}"
        if case.network == INSTANTS:  # with the key frames that adapt left there: the bundled ones
            shutil.copy(weights.parents[1] / "unrolled.safetensors", weights / "unrolled.safetensors")
    u = restore(v, case.factor, quadrature="taps", preset=preset, solver=solver)
    inner = slice(case.factor, -case.factor)
    return psnr(u[inner], _tensor(sharp[inner]))


def _pictures(v: torch.Tensor, sharp: torch.Tensor, case: Case, weights: Path | None) -> float:
    """Of the middle of each inner frame, restored by itself along the motion."""
    own = ADAPTABLE[PICTURES]
    recipe = own.recipe()
    network = recipe.network()
    fill(network, recipe.name, weights)
    middle = 0.5 * (sharp[case.factor // 2 - 1 :: case.factor] + sharp[case.factor // 2 :: case.factor])
    errors = []
    for n in range(0, len(v) - 3, 4):
        shown, truth = own.seen(v[n : n + 4]), own.seen(middle[n : n + 4])
        u = own.restored(network, Exposures.of(shown, Camera(1.0, linear=False)), None)
        errors.append(psnr(u, truth))
    return float(np.mean(errors))


def write(frames: protocol.Frames, path: Path) -> None:
    """Without loss."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "bgr0"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        output.mux(stream.encode(None))


def _tensor(frames: protocol.Frames) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def _on_a_core(cores: Queue[int]) -> None:
    os.sched_setaffinity(0, {cores.get()})
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
