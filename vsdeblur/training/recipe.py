"""What one network needs to be trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor, nn

from vsdeblur.training.pool import Sample


class Recipe(Protocol):
    """A network, its batches, its loss and its judge.

    Attributes:
        name: Of the weights that it makes.
        batch: Samples per step.
    """

    name: str
    batch: int

    def rate(self, step: int) -> float:
        """Of learning, at this step."""
        ...

    def network(self) -> nn.Module:
        """A new one, its weights random."""
        ...

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch of augmented samples."""
        ...

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """What is minimised, and scalars for the log."""
        ...

    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Scores on samples that were never trained on."""
        ...


def half_cosine(step: int, steps: int, peak: float, warm_up: int) -> float:
    """A rate that rises to ``peak`` over ``warm_up`` steps, and falls to a hundredth of it along ``steps``."""
    done = min(step / steps, 1.0)
    return peak * min((step + 1) / warm_up, 1.0) * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


class FallingRate:
    """The part of a recipe that says how fast it learns: half a cosine, from ``peak``, along ``steps``.

    Args:
        steps: Of the whole course.
        peak: Of the rate, None for the recipe's.
    """

    peak: float
    warm_up: int

    def __init__(self, steps: int, peak: float | None = None) -> None:
        self.steps = steps
        self.peak = peak or self.peak

    def rate(self, step: int) -> float:
        """Of learning, at this step."""
        return half_cosine(step, self.steps, self.peak, self.warm_up)
