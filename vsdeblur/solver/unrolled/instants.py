"""The learned step at rendered instants: ``InstantNet`` on the features of an instant, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.at_once import at_once, on_threads
from vsdeblur.device import compiled, network_dtype
from vsdeblur.footprint import FLOAT, FrameSize
from vsdeblur.priors.pictures import in_colour, padded
from vsdeblur.solver.render.refined import CELL
from vsdeblur.solver.unrolled.instant_net import ALIGNED, InstantNet
from vsdeblur.tiles import Tile, tiles
from vsdeblur.weights import fill

TILE, OVERLAP = 384, 32
SHARE = 0.75  # share of the change: on real clips it errs more than on the training scenes (see the card)
LARGEST = 0.25  # bound of the change of a display value: larger ones lie outside of the training data


class InstantStep:
    """The learned step on pictures of any size.

    Attributes:
        network: In evaluation mode.
        linear: Values are linear light, whose root the network receives: about a display value.
    """

    def __init__(self, network: InstantNet, *, linear: bool = True) -> None:
        self.network, self.linear = network.eval(), linear
        self._change = compiled(network.folded)

    def __call__(self, pictures: Sequence[Tensor], hints: Tensor, workers: int = 1) -> Tensor:
        """The change of an instant.

        Args:
            pictures: The five of ``InstantFeatures``, (C, H, W) each, C 1 or 3.
            hints: (1, HINTS, h, w), of cells that begin with the picture and may extend past its end.
            workers: Tiles that are worked on at once.

        Returns:
            (C, H, W).
        """
        height, width = pictures[0].shape[-2:]

        def changed(tile: Tile) -> Tensor:
            # Tiles begin at the network's coarsest cells, so that every tile divides the picture into the same cells.
            rows, columns = (slice(x.start // ALIGNED * ALIGNED, x.stop) for x in (tile.rows, tile.columns))
            down, across = (slice(x.start // CELL, -(-x.stop // CELL)) for x in (rows, columns))
            change = self._through(torch.stack([x[:, rows, columns] for x in pictures]), hints[..., down, across])
            return change[:, tile.rows.start - rows.start :, tile.columns.start - columns.start :].mul_(tile.weight)

        out = torch.zeros_like(pictures[0])
        parts = list(tiles(height, width, TILE, OVERLAP, out.device))
        for tile, change in zip(parts, at_once(changed, parts, workers, single=on_threads(out)), strict=True):
            out[:, tile.rows, tile.columns] += change
        return out

    def _through(self, pictures: Tensor, hints: Tensor) -> Tensor:
        """The change of all of pictures (5, C, H, W), of any size."""
        if self.linear:
            pictures = pictures.clamp_(min=0).sqrt_()
        channels, height, width = pictures.shape[1:]
        shown = in_colour(pictures, ALIGNED)
        aligned_hints = padded(hints, ALIGNED // CELL)
        change = self._change(shown.reshape(1, -1, *shown.shape[-2:]), aligned_hints)[0, :, :height, :width]
        change.mul_(SHARE).clamp_(-LARGEST, LARGEST)
        change = change.mean(0, keepdim=True) if channels == 1 else change
        return change * (2 * pictures[0] + change) if self.linear else change  # (s + d)^2 - s^2


def footprint(size: FrameSize) -> int:
    """Bytes of the network on one of its tiles, measured."""
    return size.tile(TILE, OVERLAP) * FLOAT * 125


def load_instants(
    weights: Path | None = None, device: torch.device | None = None, *, linear: bool = True
) -> InstantStep:
    """The step with trained weights.

    Args:
        weights: A file that ``vsdeblur train instants`` wrote; None for the project's own.
        device: Of the network; None for the processor.
        linear: Values are linear light.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = InstantNet()
    fill(network, "instants", weights)
    where = device or torch.device("cpu")
    network.to(where).to(memory_format=torch.channels_last)
    network.inner_to(network_dtype(where))
    return InstantStep(network, linear=linear)
