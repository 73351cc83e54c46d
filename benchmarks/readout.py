"""How well the readout of a rolling shutter is estimated, and what auto loses against the truth handed in.

python benchmarks/readout.py [--clips-dir DIR] [--seeds 3] [--loss]

Generated scenes: a picture seen by a hand (held, walking, trembling; steady pans and a tripod, which do not tell), 12
frames of 256 pixels. With --clips-dir the sharp clips of clips.toml play while a hand shakes the camera, in 448 pixels,
cropped: what moves in them, their compression and the readout of their own cameras come on top. --loss: also restore
five frames of the generated scenes with no readout, the estimate, and the truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, mean_psnr, table
from records import CALIBRATION, write_results

from vsdeblur import estimate_readout, restore
from vsdeblur.bench import protocol, run
from vsdeblur.calibration.readout.fit import CONFIDENT, ReadoutEstimate
from vsdeblur.clip.samples import SAMPLE_FRAMES
from vsdeblur.synthetic.handheld import MARGIN, Array, Hand, film, picture, view

HERE = Path(__file__).parent
SIZE = (160, 256)
READOUTS = (0.0, 0.2, 0.4, 0.6, 0.8)
TELLING, STEADY = ("held", "walking", "tremor"), ("pan", "still")
SHUTTER, FACTOR = 0.5, 8
NEAR = 0.15  # of the truth; and 0.03 of the period where there is none
WIDE = 448  # pixels of a clip, of which the hand sees all but the margin


@dataclasses.dataclass(frozen=True)
class Trial:
    scene: str
    hand: str
    readout: float
    found: float
    confidence: float
    seconds: float

    @property
    def right(self) -> bool:
        return abs(self.found - self.readout) <= max(NEAR * self.readout, 0.03)

    @property
    def confident(self) -> bool:
        return self.confidence >= CONFIDENT


def tensor(film: Array) -> torch.Tensor:
    return torch.from_numpy(np.rint(film.clip(0, 1) * 255) / 255).permute(0, 3, 1, 2).float()


def tried(scene: str, hand: str, readout: float, v: torch.Tensor, transfer: str) -> Trial:
    begin = time.process_time()
    found = ReadoutEstimate(*estimate_readout(v, transfer))
    trial = Trial(scene, hand, readout, *found, time.process_time() - begin)
    print(trial, flush=True)
    return trial


def generated(seeds: int) -> Iterator[Trial]:
    for seed in range(seeds):
        whole = picture(*SIZE, seed)
        for kind in (*TELLING, *STEADY):
            for readout in READOUTS if kind in TELLING else READOUTS[::2]:
                v = tensor(film(whole, Hand.of(kind, seed), SAMPLE_FRAMES, SHUTTER, readout, SIZE))
                yield tried("generated", kind, readout, v, "linear")


def on_clips(clips: list[protocol.Clip]) -> Iterator[Trial]:
    """Sharp frames that go on while a hand holds them: each exposure is of one of them, blurred by the hand alone."""
    for seed, clip in enumerate(clips):
        whole = protocol.load(dataclasses.replace(clip, width=WIDE, periods=SAMPLE_FRAMES), 1).astype(np.float32) / 255
        size = (whole.shape[1] - 2 * MARGIN, whole.shape[2] - 2 * MARGIN)
        for kind in TELLING:
            for readout in READOUTS[::2]:
                hand = Hand.of(kind, 10 * seed)
                shots = [
                    np.mean([view(frame, hand, n + t + delays(readout, size), *size) for t in instants()], axis=0)
                    for n, frame in enumerate(whole)
                ]
                yield tried(clip.name, kind, readout, tensor(np.stack(shots)), "linear")


def delays(readout: float, size: tuple[int, int]) -> Array:
    return readout * np.arange(size[0]) / size[0]


def instants(taps: int = 5) -> Array:
    return SHUTTER * (np.arange(taps) + 0.5) / taps


def losses(seeds: int, readout: float = 0.6, periods: int = 5) -> list[list[str]]:
    """PSNR of the middle periods against a global shutter: no readout, auto, the truth; dB."""
    rows = []
    for kind in TELLING:
        found = []
        for seed in range(seeds):
            whole, hand = picture(*SIZE, seed), Hand.of(kind, seed)
            v = tensor(film(whole, hand, periods, SHUTTER, readout, SIZE))
            times = (np.arange(periods * FACTOR) + 0.5) / FACTOR
            truth = tensor(np.stack([view(whole, hand, np.full(SIZE[0], t), *SIZE) for t in times]))
            told: tuple[float | str, ...] = (0, "auto", readout)
            scores = [mean_psnr(restore(v, FACTOR, SHUTTER, preset="fast", readout=r), truth, FACTOR) for r in told]
            print(kind, seed, scores, flush=True)
            found.append(scores)
        mean = np.mean(found, axis=0)
        worst = min(auto - right for _, auto, right in found)
        rows.append([kind, *(f"{x:.2f}" for x in mean), f"{mean[1] - mean[2]:+.2f}", f"{worst:+.2f}"])
    return rows


def summary(label: str, trials: list[Trial]) -> list[str]:
    sure = [t for t in trials if t.confident]

    def share(group: list[Trial]) -> str:
        return f"{100 * np.mean([t.right for t in group]):.0f}% of {len(group)}" if group else "none"

    median = f"{np.median([abs(t.found - t.readout) for t in sure]):.3f}" if sure else ""
    worst = f"{max(abs(t.found - t.readout) for t in sure):.3f}" if sure else ""
    return [label, share(trials), share(sure), median, worst, f"{np.mean([t.seconds for t in trials]):.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--loss", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    trials = list(generated(given.seeds))
    rows = [summary(f"generated, {kind}", [t for t in trials if t.hand == kind]) for kind in (*TELLING, *STEADY)]
    if given.clips_dir:
        shaken = list(on_clips(run.read_list(HERE / "clips.toml", given.clips_dir)))
        for name in dict.fromkeys(t.scene for t in shaken):
            rows.append(summary(f"{name}, shaken", [t for t in shaken if t.scene == name]))
        rows.append(summary("all clips", shaken))
        trials += shaken
    head = ["scenes", f"within {NEAR:.0%}", "confident and so", "median error of these", "largest", "CPU s"]
    text = table(head, rows)
    loss = losses(given.seeds) if given.loss else []
    if loss:
        text += "\n" + table(["PSNR, dB", "ignored", "auto", "truth", "auto against truth", "the worst"], loss)
    write_results(
        "readout",
        {"machine": machine(), "trials": [dataclasses.asdict(t) for t in trials], "loss": loss},
        text,
        CALIBRATION,
    )


if __name__ == "__main__":
    main()
