"""The network that reads the shutter: its candidates should be as likely as they prove to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.calibration.shutter.fit import NEAR, median
from vsdeblur.calibration.shutter.reader import CANDIDATES, ShutterReader
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate

STEPS = 3000
_RATE = 3e-3
_MOST = 40  # tiles of a sample
_BLUNT = 0.03  # of the period: how much out of focus the truth is


class ShutterRecipe(FallingRate):
    """``Recipe`` of ``ShutterReader``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "shutter"
    batch = 16
    peak, warm_up = _RATE, 100

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return ShutterReader()

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """tiles (B, T, FEATURES), count (B, T), shutter (B,): of one frame or of all, and of one tile to T of them."""
        chosen = [_some(sample, rng) for sample in samples]
        tiles = torch.zeros(len(chosen), max(map(len, chosen)), chosen[0].shape[1])
        count = torch.zeros(tiles.shape[:2])
        for k, part in enumerate(chosen):
            tiles[k, : len(part)] = part
            count[k, : len(part)] = 1
        return {"tiles": tiles, "count": count, "shutter": torch.cat([sample["shutter"] for sample in samples])}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Cross entropy with the true shutter, a little out of focus."""
        with torch.autocast(batch["tiles"].device.type, enabled=False):
            likely = network(batch["tiles"], batch["count"])
        apart = (CANDIDATES.to(likely) - batch["shutter"][:, None]) / _BLUNT
        loss = -((-apart.square() / 2).softmax(1) * likely).sum(1).mean()
        return loss, {"loss": loss.item()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """The loss, the median error and the share of right answers, of all the tiles of each held-out film."""
        network.eval()
        device = next(network.parameters()).device
        losses, errors = [], []
        for sample in samples:
            tiles = sample["tiles"][None].to(device)
            batch = {"tiles": tiles, "count": torch.ones(tiles.shape[:2], device=device)}
            batch["shutter"] = sample["shutter"].to(device)
            losses.append(self.loss(network, batch, 0)[1]["loss"])
            likely = network(batch["tiles"], batch["count"])[0].double().exp().cpu()
            errors.append(abs(median(likely) - float(sample["shutter"])))
        right = float(np.mean(np.array(errors) <= NEAR))
        return {"loss": float(np.mean(losses)), "error": float(np.median(errors)), "right": right}


def _some(sample: Sample, rng: np.random.Generator) -> Tensor:
    tiles, frame = sample["tiles"], sample["frame"]
    if rng.random() < 0.4:
        tiles = tiles[frame == rng.choice(np.unique(frame.numpy()))]
    count = min(len(tiles), 1 + int(np.exp(rng.uniform(0, np.log(_MOST)))), _MOST)
    return tiles[torch.from_numpy(rng.permutation(len(tiles))[:count])]
