"""How well a camera's response curve is found from the clip, and what a wrong tag costs.

python benchmarks/response.py [--generated] [--clips-dir DIR] [--loss]

Generated scenes, and the first 128 frames of sharp clips at up to twice their listed widths, are averaged in light
(that of clips by "srgb") and stored by several curves; the estimate is compared with the gamma of the nearest response
curve. --loss: also restore what was stored by other curves but is tagged "bt709": by the tag, by what is found, by the
true curve, and by the response curve that is nearest to it. Only short runs: five blurry frames.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, mean_psnr, table
from records import CALIBRATION, write_results
from torch import Tensor

from vsdeblur import estimate_response, restore
from vsdeblur.bench import protocol, run
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.file.read import read_rgb
from vsdeblur.settings.transfers import name_of
from vsdeblur.synthetic.scene import Scene

HERE = Path(__file__).parent
FACTOR = 8
CURVES = ("linear", "response1.8", "bt709", "srgb", "gamma2.6")
WRONG = ("linear", "gamma2.6")  # what is tagged "bt709" where the loss is measured
TAG = "bt709"
PERIODS, WIDEST = 16, 640
NEAR, SURE = 0.3, 0.5
NOISE = 0.01  # of stored values
STEPS = 24  # instants of a generated exposure


@dataclasses.dataclass(frozen=True)
class Trial:
    clip: str
    blur: str
    curve: str
    gamma: float
    found: float
    confidence: float
    seconds: float

    @property
    def error(self) -> float:
        return abs(self.found - self.gamma)


def nearest(curve: str) -> float:
    """The gamma of the response curve that stores light most like ``curve``."""
    light = torch.linspace(0.001, 1, 1000)
    stored = from_linear(light, curve)
    gammas = [1 + k / 100 for k in range(201)]
    return min(gammas, key=lambda g: float((from_linear(light, name_of(g)) - stored).square().mean()))


def stored(light: Tensor, curve: str) -> Tensor:
    return (from_linear(light.contiguous(), curve) * 255).round().clamp(0, 255) / 255


def tried(name: str, blur: str, light: Tensor, curve: str, noise: float = 0.0) -> Trial:
    grain = noise * torch.randn(light.shape, generator=torch.Generator().manual_seed(1))
    begin = time.process_time()
    found = estimate_response(stored(light, curve) + grain)
    label = f"{curve}, noise {noise}" if noise else curve
    trial = Trial(name, blur, label, nearest(curve), *found, time.process_time() - begin)
    print(trial, flush=True)
    return trial


def generated(seeds: list[int], periods: int = 4) -> Iterator[Trial]:
    for seed, shutter in itertools.product(seeds, (0.4, 0.7, 1.0)):
        scene = Scene(256, 448, seed)
        times = [[n + shutter * (k + 0.5) / STEPS for k in range(STEPS)] for n in range(periods)]
        seen = np.stack([np.mean([scene.at(t) for t in exposed], axis=0) for exposed in times])
        light = torch.from_numpy(seen).permute(0, 3, 1, 2).float()
        for curve in CURVES:
            yield tried(f"scene {seed}", f"{shutter:g}", light, curve)
        yield tried(f"scene {seed}", f"{shutter:g}", light, "srgb", NOISE)


def sharp_light(clip: protocol.Clip) -> Iterator[Tensor]:
    """A clip's frames from its first on, at up to twice its listed width: (C, H, W)."""
    assert clip.width is not None
    width = min(2 * clip.width, WIDEST)
    try:
        for frame in read_rgb(clip.path, 0, PERIODS * FACTOR):
            size = (width, round(frame.shape[0] * width / frame.shape[1]))
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            yield to_linear(torch.from_numpy(small).permute(2, 0, 1).float().div(255).contiguous(), "srgb")
    except InputError:  # shorter than that
        return


def averaged(clip: protocol.Clip, open_for: tuple[int, ...]) -> dict[int, Tensor]:
    """{m: (N, C, H, W)}: the mean light of the first m of every FACTOR frames."""
    means: dict[int, list[Tensor]] = {m: [] for m in open_for}
    frames = sharp_light(clip)
    while len(period := list(itertools.islice(frames, FACTOR))) == FACTOR:
        for m in open_for:
            means[m].append(torch.stack(period[:m]).mean(0))
    return {m: torch.stack(light) for m, light in means.items()}


def on_clips(clips: list[protocol.Clip]) -> Iterator[Trial]:
    for clip in clips:
        light = averaged(clip, (8, 5))
        for m, curves in ((8, ("linear", "bt709", "srgb", "gamma2.6")), (5, ("linear", "srgb"))):
            for curve in curves:
                yield tried(clip.path.stem, f"{m}/{FACTOR}", light[m], curve)


def scene_loss(seed: int) -> tuple[Tensor, Tensor]:
    """(sharp, blurry) light of a generated scene, the shutter always open."""
    scene, periods, taps = Scene(128, 224, seed), 5, 3
    times = (np.arange(periods * FACTOR * taps) + 0.5) / (FACTOR * taps)
    seen = torch.from_numpy(np.stack([scene.at(float(t)) for t in times])).permute(0, 3, 1, 2).float()
    return seen[taps // 2 :: taps], seen.unflatten(0, (periods, -1)).mean(1)


def clip_loss(clip: protocol.Clip) -> tuple[Tensor, Tensor]:
    frames = torch.from_numpy(protocol.load(clip, FACTOR)).permute(0, 3, 1, 2).float() / 255
    sharp = to_linear(frames.contiguous(), "srgb")
    return sharp, sharp.unflatten(0, (-1, FACTOR)).mean(1)


def losses(clips: list[protocol.Clip], seeds: list[int]) -> list[list[str]]:
    """PSNR of stored values over the middle periods, dB: by the tag, and against it."""
    made: list[tuple[str, Callable[[], tuple[Tensor, Tensor]]]] = []
    made += [(f"scene {seed}", lambda seed=seed: scene_loss(seed)) for seed in seeds]  # type: ignore[misc]
    made += [(clip.name, lambda clip=clip: clip_loss(clip)) for clip in clips]  # type: ignore[misc]
    rows = []
    for name, make in made:
        sharp, blurry = make()
        for curve in (*WRONG, TAG):
            truth, v = stored(sharp, curve), stored(blurry, curve)
            gamma, confidence = estimate_response(v)
            fitted = name_of(gamma) if confidence >= SURE else TAG
            score: dict[str, float] = {}
            for transfer in (TAG, fitted, curve, name_of(nearest(curve))):
                if transfer not in score:
                    score[transfer] = mean_psnr(restore(v, FACTOR, 1.0, transfer, preset="fast"), truth, FACTOR)
            print(name, curve, gamma, confidence, score, flush=True)
            base = score[TAG]
            gains = [f"{score[t] - base:+.2f}" for t in (fitted, curve, name_of(nearest(curve)))]
            rows.append([f"{name}, {curve}", f"{base:.2f}", f"{gamma:.2f} ({confidence:.2f})", *gains])
    return rows


def summary(label: str, trials: list[Trial]) -> list[str]:
    sure = [t for t in trials if t.confidence >= SURE]

    def share(group: list[Trial], near: float) -> str:
        return f"{100 * np.mean([t.error <= near for t in group]):.0f}% of {len(group)}" if group else "none"

    median = f"{np.median([t.error for t in sure]):.2f}" if sure else ""
    seconds = f"{np.mean([t.seconds for t in trials]):.1f}"
    return [label, share(trials, NEAR), share(sure, NEAR), share(sure, 0.2), median, seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8], help="of the generated scenes")
    parser.add_argument("--clips-dir", type=Path)
    parser.add_argument("--loss", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    clips = run.read_list(HERE / "clips.toml", given.clips_dir) if given.clips_dir else []
    trials = list(generated(given.seeds)) if given.generated else []
    rows = [
        summary(f"generated, {curve}", [t for t in trials if t.curve == curve])
        for curve in dict.fromkeys(t.curve for t in trials)
    ]
    averages = list(on_clips(clips))
    rows += [summary(name, [t for t in averages if t.clip == name]) for name in dict.fromkeys(t.clip for t in averages)]
    if averages:
        curves = dict.fromkeys(t.curve for t in averages)
        rows += [summary(f"all clips, {curve}", [t for t in averages if t.curve == curve]) for curve in curves]
        rows.append(summary("all clips", averages))
    head = ["scenes", f"within {NEAR}", f"confidence {SURE} or more, and so", "and within 0.2", "median error", "CPU s"]
    trials += averages
    if trials:
        told = [dataclasses.asdict(t) for t in trials]
        write_results("response", {"machine": machine(), "trials": told}, table(head, rows), CALIBRATION)
    if given.loss:
        loss = losses(clips, given.seeds)
        head = ["stored by", f'as if "{TAG}", dB', "gamma found", "fit", "true curve", "nearest response curve"]
        write_results("response-loss", {"machine": machine(), "loss": loss}, table(head, loss), CALIBRATION)


if __name__ == "__main__":
    main()
