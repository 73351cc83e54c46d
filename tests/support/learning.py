"""A few steps of training on one batch."""

from __future__ import annotations

import torch
from torch import nn

from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import Recipe


def learned(recipe: Recipe, network: nn.Module, batch: Sample, count: int) -> list[dict[str, float]]:
    """What the recipe's loss reports before each of so many steps."""
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    reported = []
    for _ in range(count):
        loss, scalars = recipe.loss(network, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        reported.append(scalars | {"total": float(loss.detach())})
    return reported
