"""Samples of the unrolled recipe: the key frames that the engine solves from scenes as filmed, and the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vsdeblur.colour.transfer import from_linear
from vsdeblur.engine.engine import Engine
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.resolution import upsampled
from vsdeblur.flow.warp import warp
from vsdeblur.settings import Options
from vsdeblur.solver.unrolled.stage import SHOWN, load_proximal
from vsdeblur.training.degrade import Degradation
from vsdeblur.training.film import SHARP_TAUS, Take, film
from vsdeblur.training.material import Material
from vsdeblur.training.pool import Sample
from vsdeblur.window import Window

CALM = Degradation(
    clean=0.4, shot=(-13.0, -8.0), read=(-15.0, -9.5), compressed=0.15, quality=(80, 98), video=0.5, crf=(10, 22)
)
_SUPERSAMPLING = 2
_CLIP_SIZE = 112  # pixels per side of what comes from clips: the smaller, the sharper
_FAST = 0.7  # share of the scenes that are solved by the fast preset's motion: it takes a third of the time
_AGAIN = 0.5  # share of the scenes whose key frames the step has already seen once
_STEPS = {"fast": (6, 6, 12), "balanced": (6, 8, 16)}


@dataclass(frozen=True, slots=True)
class SolvedScenes:
    """A ``Maker``: pictures (4, 3, H, W), path (4, H, W), hints (3, H, W) as ``ProximalNet`` sees them before a
    neighbour is hidden by its occlusion, sharp (3, H, W), all float16, and shutter (1,).

    Scenes whose response curve is not straight are solved in linear light and shown by the curve of the engine's step;
    of the others the stored values themselves are averaged and solved.

    Args:
        material: What scenes are made of.
        size: Pixels per side.
    """

    material: Material
    size: int = 144

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        footage = self.material.footage(rng, self.size, min(self.size, _CLIP_SIZE), _SUPERSAMPLING)
        return solved_sample(film(footage, rng, how=CALM), footage.gamma, rng)


@torch.inference_mode()
def solved_sample(take: Take, gamma: float, rng: np.random.Generator) -> Sample:
    """The sample of what was filmed, its response curve a power of 1 / ``gamma``."""
    curve = "linear" if gamma == 1 else SHOWN
    blurry, sharp = ((x.float() / 255) ** gamma for x in (take.blurry, take.sharp[SHARP_TAUS.index(0.0)]))
    preset = "fast" if rng.random() < _FAST else "balanced"
    engine = Engine(
        Options(shutter=take.shutter, transfer=curve, preset=preset, solver="keyframes", device="cpu"),
        *blurry.shape[-2:],
    )
    engine.key_frame_solver.steps = int(rng.choice(_STEPS[preset]))
    if rng.random() < _AGAIN:
        engine.key_frame_solver.step = load_proximal(linear=gamma != 1)
    keys, motion = engine.key_frames(Window(blurry, 0, 1, 1))
    size = (blurry.shape[-2], blurry.shape[-1])
    scale = motion.scale(*size)
    path, trust, seen = (
        upsampled(x[1:2], scale, size, slice(0, size[0])) for x in (motion.path, motion.reliability, motion.occlusion)
    )
    before, key, after = torch.split(from_linear(keys, curve), 1)
    pictures = torch.cat(
        (
            key,
            from_linear(blurry[1:2], curve),
            warp(after, displacement(path, 1.0)),
            warp(before, displacement(path, -1.0)),
        )
    )
    fields = {
        "pictures": pictures,
        "path": path[0, :4],
        "hints": torch.cat((trust, seen), 1)[0],
        "sharp": from_linear(sharp, curve),
    }
    return {name: x.half().contiguous() for name, x in fields.items()} | {"shutter": torch.tensor([take.shutter])}
