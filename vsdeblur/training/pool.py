"""Scenes kept on disk: rendered once, ahead of the training, and seen several times under different augmentation.

Scene k depends on the photographs, the clips, the seed and k alone, whoever renders it and when.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.training.film import Take, film
from vsdeblur.training.scenes import random_scene
from vsdeblur.window import Window

_FAST = 0.2  # share of the scenes whose first path is DIS at the fast preset
_FROM_CLIPS = 0.3  # share of the samples that come from clips, where there are any

Sample = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Pool:
    """Scenes of ``photos`` and ``clips`` by number, in ``folder``.

    size: pixels per side. device: where scenes are rendered; they are kept as files in any case.
    """

    folder: Path
    photos: Sequence[Path]
    seed: int
    size: int = 192
    clips: Sequence[Path] = ()
    device: str = "cpu"

    def __getitem__(self, number: int) -> Sample:
        """The scene: the fields of ``Take``, shutter (1,), known (1,): 1 where the paths are, and what DIS finds:
        base (4, H, W) path, hints (3, H, W) its reliability and occlusion, float16.
        """
        path = self._path(number)
        if not path.exists():
            self.render(number)
        return load_file(path)

    def render(self, number: int) -> None:
        """Make the scene's file unless it is there; under its name it is always whole."""
        path = self._path(number)
        if path.exists():
            return
        sample = self._made(number)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            save_file(sample, part)
            part.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    def _made(self, number: int) -> Sample:
        rng = np.random.default_rng((self.seed, number))
        if self.clips and rng.random() < _FROM_CLIPS:
            from vsdeblur.training.clips import clip_sample

            return clip_sample(list(self.clips), rng, self.size)
        take = film(random_scene(rng, self.photos, self.size), rng, torch.device(self.device))
        return _sample(take, "fast" if rng.random() < _FAST else "medium")

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def with_first_path(sample: Sample, preset: str = "medium") -> Sample:
    """The sample with what DIS finds in its blurry frames."""
    engine = PairwiseMotion(DisFlow(preset), linear=False, camera=False)
    motion = engine(Window(sample["blurry"].float() / 255, 0, 0, 3), float(sample["shutter"][0]))
    hints = torch.cat((motion.reliability[1], motion.occlusion[1]))
    return sample | {"base": motion.path[1].half().contiguous(), "hints": hints.half().contiguous()}


def _sample(take: Take, preset: str) -> Sample:
    fields = {key: getattr(take, key).cpu().contiguous() for key in ("blurry", "sharp", "paths", "seen")}
    told = {"shutter": torch.tensor([take.shutter]), "known": torch.ones(1)}
    return with_first_path(fields | told, preset)
