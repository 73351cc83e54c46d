"""How well the shutter is estimated, and what auto loses against the true shutter.

python benchmarks/shutter.py [--generated [--seeds 7 8 9]] [--clips-dir DIR [--list hard]] [--scale 2] [--loss]

Sharp clips are averaged m of 8 (m = 2, 3, 4, 5, 6, 8), as in the protocol, and looked at whole, in up to six places, as
``estimate_shutter``, ``inspect`` and ``transcode`` do; and by windows of 5 blurry frames, three starts each, as hosts
do that cannot see the whole clip. Trials count where the moving points that the estimate asks move by 3 pixels within
the exposure. --scale: the clips at so many times their listed widths (as far as they are that wide). --loss: also
restore m = 8 and m = 5 (--loss-exposures) by the true shutter, by that of the whole clip, and by that of the window.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from common import clip_list, machine, table
from records import CALIBRATION, write_results

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.calibration.shutter.clip import clip_evidence
from vsdeblur.calibration.shutter.fit import ShutterEstimate, fit_shutter
from vsdeblur.clip.samples import clip_samples
from vsdeblur.filters.pyav.file.read import count_frames
from vsdeblur.settings import PRESETS
from vsdeblur.synthetic.scene import Scene, film

FACTOR, OPEN = 8, (2, 3, 4, 5, 6, 8)
BLUR = 3.0  # pixels within the exposure
NEAR = 0.1
SURE = 0.7  # confidence: how probable the estimate itself takes it to be that it is near


@dataclasses.dataclass(frozen=True)
class Trial:
    clip: str
    shutter: float
    found: float
    confidence: float
    speed: float
    seconds: float

    @property
    def counts(self) -> bool:
        return self.speed * self.shutter >= BLUR

    @property
    def usable(self) -> float:
        return ShutterEstimate(self.found, self.confidence).usable

    @property
    def error(self) -> float:
        return self.found - self.shutter


def tensor(frames: protocol.Frames) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def tried(name: str, blurry: protocol.Frames, shutter: float) -> Trial:
    """By all places of the frames; five of them are one."""
    v = tensor(blurry)
    begin = time.process_time()
    evidence = [one for place in clip_evidence(clip_samples(v, linear=False)) for one in place]
    found = fit_shutter(evidence)
    taken = time.process_time() - begin
    points = sum(one.points for one in evidence)
    speed = sum(one.travel for one in evidence) / max(points, 1e-9)
    print(f"{name} {shutter:.3f} {found.shutter:.3f} {found.confidence:.2f} {points:.0f} {speed:.1f}", flush=True)
    return Trial(name, shutter, found.shutter, found.confidence, speed, taken)


def averaged(clips: list[protocol.Clip], exposures: Sequence[int]) -> Iterator[Trial]:
    for name, sharp, _ in run.from_files(clips, FACTOR):
        for m in exposures:
            yield tried(name, protocol.blur(sharp, FACTOR, m), m / FACTOR)


def whole(clips: list[protocol.Clip], exposures: Sequence[int]) -> Iterator[Trial]:
    """One trial by the whole length of each clip and shutter."""
    for clip in clips:
        periods = count_frames(clip.path) * clip.oversample // FACTOR
        sharp = protocol.load(replace(clip, start=0, periods=periods), FACTOR)
        for m in exposures:
            yield tried(clip.name, protocol.blur(sharp, FACTOR, m), m / FACTOR)


def generated(seeds: list[int]) -> Iterator[Trial]:
    for seed in seeds:
        for shutter in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
            yield tried(f"scene {seed}", film(Scene(160, 256, seed), 5, FACTOR, shutter, lambda x: x)[1], shutter)


def summary(label: str, trials: list[Trial]) -> list[str]:
    counted = [t for t in trials if t.counts]
    sure = [t for t in counted if t.confidence >= SURE]

    def near(group: list[Trial]) -> str:
        share = np.mean([abs(t.error) <= NEAR for t in group]) if group else np.nan
        return f"{100 * share:.0f}% of {len(group)}"

    errors = [abs(t.error) for t in counted] or [np.nan]
    seconds = f"{np.mean([t.seconds for t in trials]):.2f}"
    return [label, near(counted), near(sure), f"{np.median(errors):.3f}", seconds]


def losses(clips: list[protocol.Clip], pooled: list[Trial], open_: list[int], preset: str) -> dict[str, list[float]]:
    """Gain over the true shutter handed in of that of the whole clip, and of that of the window; "all", dB.

    A row per clip, of two numbers for each of ``open_``, the exposed sub-frames of 8.
    """
    found = {(trial.clip, trial.shutter): trial.usable for trial in pooled}
    rows: dict[str, list[float]] = {}
    for name, sharp, _ in run.from_files(clips, FACTOR):
        row: list[float] = []
        for m in open_:
            blurry, true = protocol.blur(sharp, FACTOR, m), m / FACTOR
            scores = []
            for shutter in (true, found[name, true], "auto"):
                u = restore(tensor(blurry), FACTOR, shutter, preset=preset, quadrature="integral")
                u8 = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
                scores.append(mean_psnr(u8, sharp, FACTOR))
            row += [score - scores[0] for score in scores[1:]]
            print(name, m, scores, flush=True)
        rows[name] = row
    return rows


def loss_table(loss: dict[str, list[float]], open_: list[int]) -> str:
    """Every clip, the mean, and the most that is lost; the mean over all exposures too."""
    values = np.array(list(loss.values()))
    places = ("of the clip", "of the window")
    head = ["gain over the true shutter, dB", *(f"{m}/8, {place}" for m in open_ for place in places)]
    rows = [*loss.items(), ("mean", list(values.mean(0))), ("least", list(values.min(0)))]
    text = table(head, [[name, *(f"{x:+.2f}" for x in row)] for name, row in rows])
    whole, window = ((values[:, k::2].mean(), values[:, k::2].min()) for k in (0, 1))
    means = " and ".join(f"{mean:+.2f} ({least:+.2f} at worst)" for mean, least in (whole, window))
    return f"{text}\n\nMean over exposures: {means} by the shutter {places[0]} and {places[1]}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips-dir", type=Path)
    parser.add_argument("--list", default="clips", help="clips (the default), real, hard, or a file")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9], help="of the generated scenes")
    parser.add_argument("--loss", action="store_true")
    parser.add_argument("--exposures", type=int, nargs="+", default=OPEN, metavar="M", help="of 8 that are tried")
    parser.add_argument("--loss-exposures", type=int, nargs="+", default=[8, 5], metavar="M", help="of those")
    parser.add_argument("--preset", choices=PRESETS, default="fast", help="that --loss restores by")
    parser.add_argument("--name", help='of the result files; "shutter", with -LIST and -xSCALE where they differ')
    given = parser.parse_args()
    if missing := set(given.loss_exposures) - set(given.exposures):
        parser.error(f"--loss-exposures {min(missing)} is not among --exposures")
    groups: dict[str, list[Trial]] = {}
    loss: dict[str, list[float]] = {}
    if given.generated:
        groups["generated scenes"] = list(generated(given.seeds))
    if given.clips_dir:
        listed = run.read_list(clip_list(given.list), given.clips_dir)
        clips = [replace(c, width=c.width * given.scale) for c in listed]
        groups["whole clips"] = list(whole(clips, given.exposures))
        windows = list(averaged(run.expand_starts(clips, FACTOR), given.exposures))
        for trial in windows:
            groups.setdefault(f"windows of {trial.clip.split('@')[0]}", []).append(trial)
        groups["windows of all clips"] = windows
        loss = losses(listed, groups["whole clips"], given.loss_exposures, given.preset) if given.loss else {}
    head = ["", f"within {NEAR}", f"confidence {SURE} or more, and within {NEAR}", "median error", "CPU s"]
    scenes = [*groups.get("generated scenes", []), *groups.get("whole clips", [])]
    named = [*groups.items(), ("generated scenes and whole clips", scenes)]
    text = table(head, [summary(name, group) for name, group in named])
    if loss:
        text += "\n\n" + loss_table(loss, given.loss_exposures)
    values = {"machine": machine(), "trials": {k: [dataclasses.asdict(t) for t in v] for k, v in groups.items()}}
    name = given.name or "shutter" + (f"-{Path(given.list).stem}" if given.list != "clips" else "")
    if given.scale > 1 and not given.name:
        name += f"-x{given.scale}"
    write_results(name, values | {"loss": loss}, text, CALIBRATION)


if __name__ == "__main__":
    main()
