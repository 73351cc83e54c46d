"""Trains the supervised baseline (``exposure_net.py``) on scenes of what the project's own networks are trained on.

python benchmarks/baseline.py --photos DIR --clips DIR --steps 4500 --minutes 100 --out OUT

OUT/baseline.safetensors has the weights so far; --resume goes on. Options as of ``vsdeblur train``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch
from exposure_net import FRAMES, ExposureNet
from torch import Tensor, nn

from vsdeblur.cli._training import course_options, material_options, start_option, train_video
from vsdeblur.training.degrade import degraded, stored
from vsdeblur.training.drawing import DrawnFootage
from vsdeblur.training.footage import Footage, exposures
from vsdeblur.training.instants import CLEAN
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate

CROP = 112
STEPS = 20000
SCENES = 4000
_INSTANTS = 6  # of a scene
_SHOWN = 2  # of these in a step
_SUPERSAMPLING = 2
_MIDDLES = tuple(float(n) for n in range(-1, FRAMES - 1))  # of the exposures, in periods from that of frame 1
_PERIODS = 5  # of footage around the mid-exposure of frame 1
_PACE = 0.78  # periods of the scenes' own paths, which are known for four, in one of the film's
_FLOOR = 5e-5  # squared error below which an instant counts less


@dataclass(frozen=True, slots=True)
class Exposed:
    """A ``Maker``: blurry (FRAMES, 3, H, W) and sharp (T, 3, H, W) uint8, times (T,) as ``ExposureNet`` takes them, and
    shutter (1,).

    Args:
        material: What scenes are made of.
        size: Pixels per side of scenes that are drawn; of clips CROP.
    """

    material: Material
    size: int = 144

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        footage, device = self._footage(rng), torch.device("cpu")
        opening = footage.opening(rng, centred=False)
        blurry = degraded(exposures(footage, opening, _MIDDLES, device), footage.gamma, rng, CLEAN)
        times = footage.instants(rng.uniform(0, 1, _INSTANTS), opening)
        return {
            "blurry": blurry,
            "sharp": stored(footage.light(times, device), footage.gamma),
            "times": torch.from_numpy(times).float(),
            "shutter": torch.tensor([opening.shutter]),
        }

    def _footage(self, rng: np.random.Generator) -> Footage:
        if self.material.real(rng):
            return self.material.stretch(rng, CROP, _PERIODS)
        return DrawnFootage(self.material.scene(rng, _SUPERSAMPLING * self.size), _SUPERSAMPLING, _PACE)


class BaselineRecipe(FallingRate):
    """``Recipe`` of ``ExposureNet``; the loss is that of the project's network at rendered instants, an error of
    amplitudes over that of the nearest blurry frame.
    """

    name = "baseline"
    batch = 8
    peak, warm_up = 8e-4, 200

    def network(self) -> nn.Module:
        return ExposureNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """Random crops and instants, turned, mirrored, reversed in time and recoloured at random."""
        return stacked([augmented(sample, rng) for sample in samples])

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        found, given = _errors(network, batch)
        total = ((found + 1e-7) / (given + _FLOOR)).sqrt().mean()
        gain = float((_decibels(given) - _decibels(found.detach())).mean())
        return total, {"loss": float(total.detach()), "gain": gain}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out scenes: mean and worst gain in dB over repeating the nearest blurry frame."""
        network.eval()
        device = next(network.parameters()).device
        gains = []
        for sample in samples:
            found, given = _errors(network, {key: x[None].to(device) for key, x in _toned(sample, 1.0, 0.0).items()})
            gains.append(float((_decibels(given) - _decibels(found)).mean()))
        return {"gain": float(np.mean(gains)), "gain_worst": min(gains)}


def augmented(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random crop, some of the instants, symmetry of the square, direction of time and colouring."""
    top, left = (int(rng.integers(sample["sharp"].shape[-1] - CROP + 1)) for _ in range(2))
    chosen = torch.from_numpy(rng.permutation(len(sample["times"]))[:_SHOWN])
    out = sample | {key: sample[key][chosen] for key in ("sharp", "times")}
    for key in ("blurry", "sharp"):
        out[key] = out[key][..., top : top + CROP, left : left + CROP]
    if rng.random() < 0.5:
        out = reversed_in_time(out)
    for axis in (-1, -2):
        if rng.random() < 0.5:
            out |= {key: out[key].flip(axis) for key in ("blurry", "sharp")}
    if rng.random() < 0.5:
        out |= {key: out[key].transpose(-1, -2) for key in ("blurry", "sharp")}
    channels = torch.from_numpy(rng.permutation(3))
    out |= {key: out[key][:, channels] for key in ("blurry", "sharp")}
    contrast = float(rng.uniform(0.6, 1.0))
    return _toned(out, contrast, float(rng.uniform(0, 1)) * (1 - contrast))


def reversed_in_time(sample: Sample) -> Sample:
    """The same film run backwards."""
    return sample | {"blurry": sample["blurry"].flip(0), "times": 1 - sample["times"]}


def _toned(sample: Sample, contrast: float, shift: float) -> Sample:
    """Pictures as values in [0, 1]."""
    return sample | {key: sample[key].float() / 255 * contrast + shift for key in ("blurry", "sharp")}


def _errors(network: nn.Module, batch: Sample) -> tuple[Tensor, Tensor]:
    """Squared errors of what is found and of the nearest blurry frame, (B, T) each."""
    blurry, sharp, times = batch["blurry"], batch["sharp"], batch["times"]
    later = (times > 0.5)[..., None, None, None]
    nearest = torch.where(later, blurry[:, None, 2], blurry[:, None, 1])
    found = network(blurry, times, batch["shutter"][:, 0])
    return (found - sharp).square().mean((2, 3, 4)), (nearest - sharp).square().mean((2, 3, 4))


def _decibels(squared: Tensor) -> Tensor:
    return 10 * (squared + 1e-6).log10()


@click.command()
@material_options
@start_option
@course_options
def main(steps: int | None, rate: float | None, **course: Any) -> None:
    """Train the supervised baseline: blurry frames and a wanted instant in, that instant out.

    python benchmarks/baseline.py --photos DIR --clips DIR --steps 4500 --minutes 100 --out OUT
    """
    recipe = BaselineRecipe(steps or STEPS, rate)
    train_video(recipe, lambda material, _: Exposed(material), SCENES, steps=recipe.steps, **course)


if __name__ == "__main__":
    main()
