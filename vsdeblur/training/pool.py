"""Samples kept on disk: rendered once, ahead of the training, and seen several times under different augmentation.

Sample k depends on what makes it, the seed and k alone, whoever renders it and when.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

Sample = dict[str, Tensor]


def stacked(parts: Sequence[Sample]) -> Sample:
    """A batch of samples of one size, float32."""
    return {key: torch.stack([part[key] for part in parts]).float() for key in parts[0]}


class Maker(Protocol):
    """Makes a sample from random numbers alone; it is pickled to the processes that render ahead."""

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        ...


class SampleSource(Protocol):
    """Samples by step."""

    def available(self, step: int) -> int:
        """How many numbers, from 0, step ``step`` may draw from."""
        ...

    def __getitem__(self, number: int) -> Sample:
        """The sample of that number."""
        ...


@dataclass(frozen=True, slots=True)
class Pool:
    """What ``make`` makes, by number, in ``folder``.

    Args:
        folder: For a file per sample.
        make: What makes them.
        seed: Of all that is random.
    """

    folder: Path
    make: Maker
    seed: int

    def __getitem__(self, number: int) -> Sample:
        path = self._path(number)
        if not path.exists():
            self.render(number)
        return load_file(path)

    def render(self, number: int) -> None:
        """Make the sample's file unless it is there; under its name it is always whole."""
        path = self._path(number)
        if path.exists():
            return
        sample = self.make(np.random.default_rng((self.seed, number)))
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            save_file(sample, part)
            part.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"
