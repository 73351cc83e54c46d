"""A bundled network, a few of its layers free, held near where it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import Recipe
from vsdeblur.weights import load

FREE = ("upper", "fine_again", "leave")  # layers that go on learning, of all networks here: the last ones
_RATE, _WARM_UP = 3e-4, 20
_ANCHOR = 0.1  # weight of the squared distance from the bundled weights; with 20 they did not move in 46 steps


class AdaptRecipe:
    """A recipe that goes on from the bundled weights: the last layers alone, with a pull back to them.

    The rate is held: how many steps there are is a matter of time.

    Args:
        base: Of the network, with the loss that it was trained by.
        batch: Samples per step.
    """

    def __init__(self, base: Recipe, batch: int) -> None:
        self.name, self.batch = base.name, batch
        self._base, self._bundled = base, load(base.name)

    def rate(self, step: int) -> float:
        """Of learning, at this step."""
        return _RATE * min((step + 1) / _WARM_UP, 1.0)

    def network(self) -> nn.Module:
        """A network of which most layers are frozen."""
        network = self._base.network()
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name.partition(".")[0] in FREE)
        return network

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch as of the base."""
        return self._base.collate(samples, rng)

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The base's loss and the pull to the bundled weights."""
        total, scalars = self._base.loss(network, batch, step)
        drift = sum(
            (parameter - self._bundled[name].to(parameter)).square().sum()
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
        )
        assert isinstance(drift, Tensor)
        return total + _ANCHOR * drift, scalars | {"drift": float(drift.detach())}

    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Scores as of the base."""
        return self._base.validate(network, samples)
