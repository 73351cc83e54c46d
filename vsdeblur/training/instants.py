"""Samples of the instants recipe: what the engine composes of instants of scenes as filmed, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vsdeblur.engine.engine import Engine
from vsdeblur.settings import Options
from vsdeblur.solver.render.geometry import row_groups
from vsdeblur.solver.render.refined import instant_features
from vsdeblur.solver.render.residual import exposure_residual
from vsdeblur.solver.unrolled.stage import ProximalStep, load_proximal
from vsdeblur.training.degrade import Degradation, degraded, stored
from vsdeblur.training.drawing import DrawnFootage
from vsdeblur.training.footage import COMB, Footage, Opening, exposures
from vsdeblur.training.material import Material
from vsdeblur.training.paths import Spline
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import LayeredScene
from vsdeblur.window import Window

OPEN, LOOSE = 4, 2  # instants of one exposure, spread evenly, and others
GROUPS = 2  # of these, in a sample
CLEAN = Degradation(
    clean=1.0, compressed=0.0
)  # of noise it would learn to smooth, which takes the finest texture of others
_SUPERSAMPLING = 2
_CLIP_SIZE = 112  # pixels per side of what comes from clips: the smaller, the sharper
_EXPOSURES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # all but the first and the last are what a clip's inside is like
PERIODS = len(_EXPOSURES)
_PACE = 0.78  # periods of the scenes' own paths, which are known for four, in one of the film's five
_HURRIED, _FASTEST = 0.5, 2.8  # share of the scenes in which all moves faster, and by how much at most
_FAST = 0.5  # share of the scenes with the fast preset's motion, which takes a third of the time
_CUT = 0.12  # share of the films in which a scene is said to open: instants that one key frame alone shows
_LEAST_GAP = 0.06  # periods


@dataclass(frozen=True, slots=True)
class InstantScenes:
    """A ``Maker``: pictures (T, 5, 3, H, W) and hints (T, HINTS, H / CELL, W / CELL) of T instants, ``InstantFeatures``
    after the learned step on key frames, and sharp (T, 3, H, W), what was there; as ``InstantStep`` shows them.

    T is GROUPS times OPEN + LOOSE.

    Args:
        material: What scenes are made of.
        size: Pixels per side, a multiple of 16.
    """

    material: Material
    size: int = 144

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        return instants_sample(self._footage(rng), rng)

    def _footage(self, rng: np.random.Generator) -> Footage:
        if self.material.real(rng):
            return self.material.stretch(rng, min(self.size, _CLIP_SIZE), PERIODS)
        scene = self.material.scene(rng, _SUPERSAMPLING * self.size)
        scene = _hurried(scene, float(rng.uniform(1, _FASTEST)) if rng.random() < _HURRIED else 1.0)
        return DrawnFootage(scene, _SUPERSAMPLING, _PACE)


@torch.inference_mode()
def instants_sample(
    footage: Footage, rng: np.random.Generator, how: Degradation = CLEAN, key_frames: Path | None = None
) -> Sample:
    """The sample of footage of at least PERIODS periods.

    Args:
        footage: What is filmed.
        rng: All that is random.
        how: The camera's faults.
        key_frames: Weights of the learned step on key frames, None for the project's.
    """
    opening, device = footage.opening(rng, centred=False), torch.device("cpu")
    blurry = degraded(exposures(footage, opening, _EXPOSURES, device), footage.gamma, rng, how)
    times = footage.instants(np.array(_instants(rng, opening)), opening)
    sharp = stored(footage.light(times, device), footage.gamma)
    straight = footage.gamma == 1
    step = load_proximal(key_frames, linear=not straight)
    pictures, hints = _composed((blurry.float() / 255) ** footage.gamma, list(times), opening, step, rng)
    fields = {"pictures": pictures, "sharp": (sharp.float() / 255) ** footage.gamma}
    shown = {key: x if straight else x.clamp_(min=0).sqrt_() for key, x in fields.items()}
    return {key: x.half() for key, x in (shown | {"hints": hints}).items()}


def _hurried(scene: LayeredScene, pace: float) -> LayeredScene:
    """All that moves in it does so ``pace`` times as far."""

    def faster(path: Spline) -> Spline:
        return Spline(path.points * pace, path.spacing)

    layers = (
        replace(one, camera=faster(one.camera), own=None if one.own is None else faster(one.own))
        for one in scene.layers
    )
    return replace(scene, layers=tuple(layers))


def _instants(rng: np.random.Generator, opening: Opening) -> list[float]:
    """GROUPS times OPEN instants of an exposure and LOOSE others, in gaps where there are; periods from the middle."""
    shutter, gap = opening.shutter, 1 - opening.shutter
    times: list[float] = []
    for middle in rng.permutation([-1, 0, 1])[:GROUPS]:
        shift = rng.uniform(-0.5, 0.5)
        during = ((np.arange(OPEN) + 0.5 + shift) / OPEN - 0.5) * shutter
        if opening.averaged and len(opening.at) % OPEN == 0:  # sub-frames of the mean itself
            during = rng.permutation(opening.at)[:OPEN]
        during = during.clip(opening.at.min(), opening.at.max())
        times += [float(middle + t) for t in sorted(during)]
        for _ in range(LOOSE):
            between = int(rng.integers(-1, 1)) + shutter / 2 + gap * float(rng.uniform(0, 1))
            times.append(between if gap > _LEAST_GAP else float(rng.uniform(-1.5, 1.5)))
    return times


def _composed(
    light: Tensor, times: Sequence[float], opening: Opening, step: ProximalStep, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures and hints of these instants."""
    options = Options(
        factor=Fraction(COMB),
        shutter=opening.shutter,
        transfer=step.curve,
        preset="fast" if rng.random() < _FAST else "balanced",
        solver="keyframes",
        quadrature="taps" if opening.averaged else "integral",
        device="cpu",  # samples do not depend on the machine
    )
    engine = Engine(options, light.shape[-2], light.shape[-1])
    engine.key_frame_solver.step = step
    cuts = frozenset({int(rng.integers(1, len(light)))} if rng.random() < _CUT else ())
    solved = engine.solve(Window(light, 0, 1, len(light) - 2, cuts=cuts))
    residual = lru_cache(partial(exposure_residual, solved))
    middle = len(light) // 2 + opening.shutter / 2
    known = [instant_features(solved, row_groups(solved, middle + t), residual) for t in times]
    return torch.stack([torch.stack(one.pictures) for one in known]), torch.cat([one.hints for one in known])
