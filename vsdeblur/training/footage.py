"""What can be filmed: light at any instant, whether a scene is drawn or a stretch of a real clip is played."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from vsdeblur.training.paths import Array

COMB = 8  # sub-frames per period of clips that were blurred by averaging frames


class Opening(NamedTuple):
    """A shutter.

    Attributes:
        shutter: The open part of a period.
        at: Instants that its exposure is the mean of, in periods from its middle.
        averaged: Whether these are COMB sub-frames of a period, pixels apart where the motion is fast.
    """

    shutter: float
    at: Array
    averaged: bool


class Footage(Protocol):
    """A few periods of a moving scene, around instant 0 in the middle of an exposure.

    Attributes:
        gamma: Values are stored as light ** (1 / gamma).
    """

    @property
    def gamma(self) -> float:
        """Values are stored as light ** (1 / gamma)."""
        ...

    def opening(self, rng: np.random.Generator, centred: bool) -> Opening:
        """A random shutter; ``centred``: one whose exposures have a middle that can be seen."""
        ...

    def instants(self, times: Array, opening: Opening) -> Array:
        """The nearest instants to ``times`` that it can be seen at exactly, when filmed with that shutter."""
        ...

    def light(self, times: Array, device: torch.device) -> Tensor:
        """(T, 3, H, W) light at instants in periods."""
        ...


def exposures(footage: Footage, opening: Opening, middles: tuple[float, ...], device: torch.device) -> Tensor:
    """(n, 3, H, W): the mean light of exposures with these middles, in periods."""
    return torch.stack([footage.light(opening.at + n, device).mean(0) for n in middles])
