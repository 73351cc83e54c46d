"""Training on blurry pictures alone against supervised training of the same network for the same time.

python benchmarks/equivariant.py --photos PHOTOS [--seconds 150] [--blind-seconds 60] [--samples 48] [--batch 2]

Photographs that were never trained on judge: the mean gain in dB over the blurry picture, of a network with random
weights (what plug and play and the data steps do alone), of the same after self-supervised training and, where the
blur is known, after supervised training, and by deepinv's losses where it is installed. known: shaken photographs, the
kernel given. directional: blurred along straight lines of 4 to 24 pixels, the line found in the picture. full: shaken,
the kernel found in the picture. Seconds are of the processor, the rendering of the samples excepted, which all share.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from records import PICTURES, write_results
from torch import nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages
from vsdeblur.blind.estimate.kernel_net import REACH
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.colour.display import to_smooth_display
from vsdeblur.training.blurry_pictures import SIZE, as_sample, line
from vsdeblur.training.checkpoint import State
from vsdeblur.training.loop import Course, train
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Maker, Pool, Sample
from vsdeblur.training.recipes.equivariant import EquivariantRecipe
from vsdeblur.training.recipes.equivariant_deepinv import DeepinvRecipe
from vsdeblur.training.recipes.restoration import RestorationRecipe, restoration_error
from vsdeblur.training.scenes import photo_crop
from vsdeblur.training.shaken import ShakenPhotos

HELD, NOISE = 12, 1.5 / 255
WARM_UP = 10  # steps: there are few


@dataclass(frozen=True, slots=True)
class Made:
    """A ``Maker`` of blurry pictures with what is found in them, and the truth for judging."""

    photos: list[Path]
    kind: str

    def __call__(self, rng: np.random.Generator) -> Sample:
        if self.kind == "directional":
            wide = SIZE + 2 * REACH
            u = torch.from_numpy(photo_crop(rng, self.photos, wide).copy()).permute(2, 0, 1)[None].float() / 255
            angle = float(rng.uniform(0, math.pi))
            kernel = line(float(rng.uniform(4, 24)), math.cos(angle), math.sin(angle))
            blurry = PixelwiseBlur(kernel[None, None], torch.ones(1, 1, SIZE, SIZE))(u)[0]
            sharp = u[0, :, REACH:-REACH, REACH:-REACH]
        else:
            sample = ShakenPhotos(self.photos)(rng)
            sharp = to_smooth_display(sample["sharp"][:, REACH:-REACH, REACH:-REACH].float()).clamp(0, 1)
            blurry = to_smooth_display(sample["blurry"].float())
        noise = NOISE * torch.from_numpy(rng.standard_normal(blurry.shape, np.float32))
        stored = ((blurry + noise).clamp(0, 1) * 255).round() / 255
        return as_sample(stored, self.kind) | {"sharp": sharp.half().contiguous()}


def trained(recipe: RestorationRecipe, pool: Pool, count: int, seconds: float, out: Path) -> State:
    """As long as ``seconds`` of the processor last; the rate falls along the steps that fit in."""
    source = _Fixed(pool, count)
    for k in range(count):
        pool.render(k)
    spent = []
    for steps in (1, 3):
        begun = time.process_time()
        train(recipe, source, out / f"trial{steps}", Course(999, steps=steps))
        spent.append(time.process_time() - begun)
    recipe.steps = max(int(2 * seconds / max(spent[1] - spent[0], 1e-3)), 10)
    begun = time.process_time()
    return train(recipe, source, out / "run", Course(999), stop=lambda: time.process_time() - begun > seconds)


@dataclass(frozen=True, slots=True)
class _Fixed:
    pool: Pool
    count: int

    def available(self, step: int) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        return self.pool[number]


@torch.no_grad()
def gain_found(network: nn.Module, samples: list[Sample]) -> float:
    """Mean gain in dB on pictures whose kernel was found."""
    assert isinstance(network, RestorationNet)
    gains = []
    for sample in samples:
        v, sharp = (sample[key][None, :, 40:120, 40:120].float() for key in ("picture", "sharp"))
        blur = PixelwiseBlur(sample["kernel"][None, None], torch.ones(1, 1, 80, 80))
        found = stages(network.eval(), v, blur, float(sample["noise"]), 1.0, False)
        gains.append(float(restoration_error(found, v, sharp, False)[1]))
    return float(np.mean(gains))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=150, help="where the blur is known")
    parser.add_argument("--blind-seconds", type=float, default=60)
    parser.add_argument("--stages", nargs="+", default=["known", "directional", "full"])
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--batch", type=int, default=2, help="samples per step: few, so that there are many steps")
    parser.add_argument("--name", default="equivariant")
    given = parser.parse_args()
    kept, held = find_photos(given.photos)
    rows, values = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for stage in given.stages:
            folder = Path(scratch) / stage
            make: Callable[[list[Path]], Maker] = (
                ShakenPhotos if stage == "known" else lambda photos, kind=stage: Made(photos, kind)  # type: ignore[misc]
            )
            pool, judges = Pool(folder / "scenes", make(kept), 0), Pool(folder / "held", make(held), 1)
            samples = [judges[k] for k in range(HELD)]
            recipes: dict[str, RestorationRecipe] = {
                "self-supervised": EquivariantRecipe(kind=None if stage == "known" else stage)
            }
            if stage == "known":
                if importlib.util.find_spec("deepinv"):
                    recipes["by deepinv's losses"] = DeepinvRecipe()
                recipes["supervised"] = RestorationRecipe()

            def judged(network: nn.Module, known: bool = stage == "known", some: list[Sample] = samples) -> float:
                return RestorationRecipe().validate(network, some)["gain"] if known else gain_found(network, some)

            seconds = given.seconds if stage == "known" else given.blind_seconds
            torch.manual_seed(0)
            found = {"untrained": (judged(RestorationNet()), 0)}
            for name, recipe in recipes.items():
                recipe.batch, recipe.warm_up = given.batch, WARM_UP
                state = trained(recipe, pool, given.samples, seconds, folder / name)
                found[name] = (judged(state.averaged()), state.step)
                print(stage, found, flush=True)
            values[stage] = {name: {"gain": gain, "steps": steps} for name, (gain, steps) in found.items()}
            cells = [f"{found[n][0]:+.2f} ({found[n][1]})" if n in found else "" for n in COLUMNS]
            short = found["self-supervised"][0] - found["supervised"][0] if "supervised" in found else None
            rows.append([stage, *cells, "" if short is None else f"{short:+.2f}"])
    head = ["gain over the blurry picture, dB (steps)", *COLUMNS, "self-supervised over supervised"]
    measured = (*PICTURES, "vsdeblur/training")
    write_results(
        given.name,
        {"machine": machine(), "seconds": [given.seconds, given.blind_seconds], "stages": values},
        table(head, rows),
        measured,
    )


COLUMNS = ("untrained", "self-supervised", "by deepinv's losses", "supervised")

if __name__ == "__main__":
    main()
