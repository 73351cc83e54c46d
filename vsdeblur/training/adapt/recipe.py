"""The bundled network of key frames, a few of its layers free, held near where it was."""

from __future__ import annotations

from torch import Tensor, nn

from vsdeblur.training.pool import Sample
from vsdeblur.training.recipes.unrolled import UnrolledRecipe
from vsdeblur.weights import load

FREE = ("upper", "fine_again", "leave")  # layers of ``ProximalNet`` that go on learning: the last at half resolution
_RATE, _WARM_UP = 3e-4, 20
_ANCHOR = 0.1  # weight of the squared distance from the bundled weights; with 20 they did not move in 46 steps


class AdaptRecipe(UnrolledRecipe):
    """``UnrolledRecipe`` that goes on from the bundled weights: the last layers alone, with a pull back to them.

    The rate is held: how many steps there are is a matter of time.
    """

    batch = 4

    def __init__(self) -> None:
        super().__init__()
        self._bundled = load(self.name)

    def rate(self, step: int) -> float:
        """Of learning, at this step."""
        return _RATE * min((step + 1) / _WARM_UP, 1.0)

    def network(self) -> nn.Module:
        """A network of which most layers are frozen."""
        network = super().network()
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name.partition(".")[0] in FREE)
        return network

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The training loss and the pull to the bundled weights."""
        total, scalars = super().loss(network, batch, step)
        drift = sum(
            (parameter - self._bundled[name].to(parameter)).square().sum()
            for name, parameter in network.named_parameters()
            if parameter.requires_grad
        )
        assert isinstance(drift, Tensor)
        return total + _ANCHOR * drift, scalars | {"drift": float(drift.detach())}
