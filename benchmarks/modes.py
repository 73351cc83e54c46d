"""What do mode="auto" and mode="frame" give where neighbours tell, and where they do not?

    python benchmarks/modes.py --clips-dir DIR [--preset fast] [--only drive bikes] [--places 6] [--modes joint auto]

- The clips of clips.toml by the protocol: gain over repeating the blurry frame, flicker, and seconds of processor time.
- The first frame of each clip of the list (a place), shaken in another way by 8 to 20 px each time that it is shown,
  noise 0.5%, shutter 1: once each (a cut at every frame); twice; and three times as a burst from the hand, each time up
  to 6 px elsewhere. At last a knock: five frames of a pan by 3 px a period, the third one shaken by so much besides.
  At factor 1; gain over the blurry frame, both at their best sub-pixel shift, for where a frame lies within its own
  shake nobody can tell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blind import aligned_psnr
from blurred import exposure
from common import machine, table
from records import BY_FRAME, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol
from vsdeblur.bench.judge import Judge
from vsdeblur.bench.run import read_list
from vsdeblur.settings import MODES
from vsdeblur.training.shake import random_shake

FACTOR = 8
STEPS = 49  # instants of an exposure
WIDTH = 640  # px, of those clips before they are cut to
PLACE = (256, 448)  # px, height and width of the frames of a clip that is cut
SHAKES = (8.0, 20.0)  # px
SIGMA = 0.005


@dataclass(frozen=True, slots=True)
class Scene:
    """How a place is shown: which of its frames are shaken, px by which each lies elsewhere, px a period."""

    shaken: tuple[bool, ...]
    jump: float = 0.0
    pan: float = 0.0
    shutter: float = 1.0


SCENES = {
    "a cut every frame": Scene((True,)),
    "twice each": Scene((True, True)),
    "a burst of three": Scene((True, True, True), jump=6.0),
    "a knock in a pan": Scene((False, False, True, False, False), pan=3.0, shutter=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--open", type=int, default=8, help="sub-frames of 8 that the shutter sees")
    parser.add_argument("--only", nargs="*", default=[], help="clips whose names begin so")
    parser.add_argument("--places", type=int, default=6, help="of the clips that are cut; 0 leaves these out")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--name", default="modes")
    given = parser.parse_args()
    torch.set_num_threads(1)

    rows: dict[str, dict[str, Any]] = {}
    cut: dict[str, dict[str, list[float]]] = {}
    clips = read_list(Path(__file__).parent / "clips.toml", given.clips_dir)
    places = [protocol.load(replace(clip, width=WIDTH), FACTOR)[0] for clip in clips[: given.places]]
    for name, scene in SCENES.items() if places else ():
        cut |= {f"{name}{part}": found for part, found in shown(places, scene, given.modes, given.preset).items()}
    for clip in clips:
        if given.only and not clip.path.stem.startswith(tuple(given.only)):
            continue
        sharp = protocol.load(clip, FACTOR)
        blurry = protocol.blur(sharp, FACTOR, given.open)
        repeated = Judge(sharp, blurry, FACTOR, given.open)(np.repeat(blurry, FACTOR, 0))
        rows[clip.path.stem] = {"repeat": asdict(repeated)}
        for mode in given.modes:
            rows[clip.path.stem][mode] = judged(sharp, blurry, mode, given.preset, given.open)
            print(clip.path.stem, mode, rows[clip.path.stem][mode], flush=True)
    head = ["8-fold, gain dB / flicker dB / s", *given.modes]
    lines = []
    for name, found in rows.items():
        cells = [
            f"{found[mode]['all'] - found['repeat']['all']:+.2f} / {found[mode]['flicker']:.2f} / "
            f"{found[mode]['seconds']:.1f}"
            for mode in given.modes
        ]
        lines.append([name, *cells])
    parts = [table(head, lines)]
    if cut:
        head = ["frames shaken by themselves, gain dB (least)", *given.modes]
        scored = [[f"{np.mean(gain):+.2f} ({min(gain):+.2f})" for gain in found.values()] for found in cut.values()]
        parts.append(table(head, [[name, *row] for name, row in zip(cut, scored, strict=True)]))
    values = {"machine": machine(), "preset": given.preset, "open": given.open, "clips": rows, "cut": cut}
    write_results(given.name, values, "\n\n".join(parts), BY_FRAME)


def shown(places: Sequence[Any], scene: Scene, modes: Sequence[str], preset: str) -> dict[str, dict[str, list[float]]]:
    """Gain of each frame, by mode: of those that are shaken, and of the others. places: frames (H, W, 3) of 8 bits."""
    height, width = PLACE
    extents = np.linspace(*SHAKES, scene.shaken.count(True) * len(places))
    clip: list[Any] = []
    sharp: list[Any] = []
    cuts: list[int] = []
    for k, place in enumerate(places):
        photo = place.astype(np.float32) / 255
        top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
        cuts.append(len(clip))
        for n, shaken in enumerate(scene.shaken):
            own = np.random.default_rng([15, len(scene.shaken), k, n])
            moved = own.uniform(-scene.jump, scene.jump, 2)
            moved[0] += scene.pan * (n - len(scene.shaken) // 2)
            way = scene.pan * scene.shutter * np.linspace(-0.5, 0.5, STEPS)
            path = np.stack([_to(moved[0] + x, moved[1]) for x in way])
            if shaken:
                path = path @ random_shake(own, PLACE, float(extents[sum(scene.shaken) * k + sum(scene.shaken[:n])]))
            seen = exposure(photo, (left, top), PLACE, path)
            clip.append(seen + SIGMA * torch.from_numpy(own.normal(size=tuple(seen.shape)).astype(np.float32)))
            sharp.append(exposure(photo, (left, top), PLACE, np.stack([_to(*moved)] * 2)))
    v = torch.cat(clip)
    found: dict[str, dict[str, list[float]]] = {"": {}, ", the others": {}}
    for mode in modes:
        u = restore(v, 1, shutter=scene.shutter, preset=preset, mode=mode, scene_cuts=cuts[1:])
        gains = [round(better(*each), 3) for each in zip(u, v, sharp, strict=True)]
        for part, wanted in (("", True), (", the others", False)):
            found[part][mode] = [g for n, g in enumerate(gains) if scene.shaken[n % len(scene.shaken)] is wanted]
        print(scene, mode, gains, flush=True)
    return {part: gains for part, gains in found.items() if all(gains.values())}


def _to(x: float, y: float) -> Any:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def better(restored: Tensor, blurry: Tensor, sharp: Tensor) -> float:
    return aligned_psnr(restored[None], sharp) - aligned_psnr(blurry[None], sharp)


def judged(sharp: Any, blurry: Any, mode: str, preset: str, m: int) -> dict[str, Any]:
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    begin = time.process_time()
    u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", preset=preset, mode=mode)
    seconds = time.process_time() - begin
    restored = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
    return {**asdict(Judge(sharp, blurry, FACTOR, m)(restored)), "seconds": seconds}


if __name__ == "__main__":
    main()
