"""The learned step at rendered instants: what ``InstantNet`` makes of what is known of one, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.device import network_dtype
from vsdeblur.footprint import FLOAT, FrameSize
from vsdeblur.priors.pictures import in_colour, padded
from vsdeblur.solver.render.refined import CELL
from vsdeblur.solver.unrolled.instant_net import ALIGNED, InstantNet
from vsdeblur.tiles import tiles
from vsdeblur.weights import fill

TILE, OVERLAP = 384, 32
MADE = 0.75  # of the change: on real clips it errs more than on the scenes that it was learned from (see the card)
LARGEST = 0.25  # change of a value as it is shown: more is nothing that the network has learned


class InstantStep:
    """linear: the values are linear light, which the network is shown by its root: about as a display shows it."""

    def __init__(self, network: InstantNet, *, linear: bool = True) -> None:
        self.network, self.linear = network.eval(), linear

    def __call__(self, pictures: Sequence[Tensor], hints: Tensor) -> Tensor:
        """What the first of ``InstantNet``'s five pictures (C, H, W) should change by, (C, H, W); C 1 or 3.

        hints: (1, HINTS, h, w), of cells that begin with the picture and may reach beyond it.
        """
        height, width = pictures[0].shape[-2:]
        out = torch.zeros_like(pictures[0])
        for tile in tiles(height, width, TILE, OVERLAP):
            # What begins where the network's coarsest cells do is seen alike by every tile.
            rows, columns = (slice(x.start // ALIGNED * ALIGNED, x.stop) for x in (tile.rows, tile.columns))
            down, across = (slice(x.start // CELL, -(-x.stop // CELL)) for x in (rows, columns))
            change = self._through(torch.stack([x[:, rows, columns] for x in pictures]), hints[..., down, across])
            change = change[:, tile.rows.start - rows.start :, tile.columns.start - columns.start :]
            out[:, tile.rows, tile.columns] += change.mul_(tile.weight.to(out))
        return out

    def _through(self, pictures: Tensor, hints: Tensor) -> Tensor:
        """The same of all of pictures (5, C, H, W), of any size."""
        if self.linear:
            pictures = pictures.clamp_(min=0).sqrt_()
        channels, height, width = pictures.shape[1:]
        shown = in_colour(pictures, ALIGNED)
        told = padded(hints, ALIGNED // CELL)
        change = self.network.folded(shown.reshape(1, -1, *shown.shape[-2:]), told)[0, :, :height, :width]
        change.mul_(MADE).clamp_(-LARGEST, LARGEST)
        change = change.mean(0, keepdim=True) if channels == 1 else change
        return change * (2 * pictures[0] + change) if self.linear else change  # (s + d)^2 - s^2


def footprint(size: FrameSize) -> int:
    """Bytes of the network on one of its tiles, measured."""
    return size.tile(TILE, OVERLAP) * FLOAT * 85


def load_instants(
    weights: Path | None = None, device: torch.device | None = None, *, linear: bool = True
) -> InstantStep:
    """The step with the project's weights, or with those of a file that ``vsdeblur train instants`` wrote.

    Raises DeblurError where they are missing or damaged, InputError for a file that holds no such weights.
    """
    network = InstantNet()
    fill(network, "instants", weights)
    where = device or torch.device("cpu")
    network.to(where).to(memory_format=torch.channels_last)
    network.inner_to(network_dtype(where))
    return InstantStep(network, linear=linear)
