"""A small scene that several files restore."""

from __future__ import annotations

import pytest
from torch import Tensor

from tests.support.quality import FACTOR, H, W, as_tensor
from vsdeblur.synthetic.scene import Scene, film


@pytest.fixture(scope="module")
def filmed() -> tuple[Tensor, Tensor]:
    """(sharp (40, 3, H, W), blurry (5, 3, H, W)): objects that pass over a panning ground, shutter 1."""
    sharp, blurry = film(Scene(H, W), 5, FACTOR, 1.0, lambda light: light)
    return as_tensor(sharp), as_tensor(blurry)


@pytest.fixture(scope="module")
def blurry(filmed: tuple[Tensor, Tensor]) -> Tensor:
    return filmed[1]
