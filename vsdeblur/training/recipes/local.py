"""The network of things that move on their own: where one is, and how it moved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.local.lags import CELL, DIRECTIONS, part_lags
from vsdeblur.blind.local.local_net import LENGTHS, MATTES, LocalNet
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate

STEPS = 2500
_RATE = 1.5e-3
_MOTION = 0.1  # weight of the motion's error
_BLUNT = 0.6, 0.7  # directions and lengths, in their steps: how much out of focus the truth is
_MATTED = 8  # samples of a batch of which the mattes are made: they take most of the time
_OVERLAP = 0.3  # and of mattes that do not overlap
_PART = 0.4, 0.95  # mean alpha from which on a pixel is of a part
_ENOUGH = 2.0  # places of a part


class LocalRecipe(FallingRate):
    """``Recipe`` of ``LocalNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "local"
    batch = 32
    peak, warm_up = _RATE, 100

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return LocalNet()

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """The samples' tensors, float32, each under a random symmetry of the square; values 0 to 1.

        least (B, 1): mean alpha from which on a pixel is of the part whose motion is read.
        """
        batch = stacked([turned(sample, rng) for sample in samples])
        for key in ("picture", "mattes"):
            batch[key] = batch[key] / 255
        batch["least"] = torch.from_numpy(rng.uniform(*_PART, (len(samples), 1)).astype(np.float32))
        return batch

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The errors of mattes, of their overlap where something moved, and of the motion of the true part."""
        assert isinstance(network, LocalNet)
        true = batch["mattes"]
        share = F.avg_pool2d((true[:, 1:] > batch["least"][:, :, None, None]).float(), CELL)[:, 0]
        votes = network.motion(part_lags(batch["picture"], batch["lags"], share))
        true = true[:_MATTED]
        logits = network(batch["picture"][:_MATTED], batch["lags"][:_MATTED])
        with torch.autocast(logits.device.type, enabled=False):
            matte = F.binary_cross_entropy_with_logits(logits, true)
            found = logits.sigmoid()
            both, either = (found * true).sum((2, 3)), (found + true).sum((2, 3))
            moved = (true[:, :1].sum((2, 3)) > CELL**2).float()
            apart = ((1 - (2 * both + 1) / (either + 1)) * moved).sum() / (MATTES * moved.sum()).clamp(min=1)
            motion, right = motion_error(votes, batch["motion"], (share.sum((1, 2)) >= _ENOUGH).float())
            loss = matte + _OVERLAP * apart + _MOTION * motion
        scalars = {"loss": loss, "matte": matte, "apart": apart, "motion": motion, "right": right}
        return loss, {key: float(value.detach()) for key, value in scalars.items()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Means of the scalars of the loss over held-out samples."""
        network.eval()
        device = next(network.parameters()).device
        found = []
        for k, sample in enumerate(samples):
            batch = self.collate([sample], np.random.default_rng(k))
            found.append(self.loss(network, {key: value.to(device) for key, value in batch.items()}, 0)[1])
        return {key: float(np.mean([scalars[key] for scalars in found])) for key in found[0]}


def motion_error(votes: Tensor, motion: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy with the true motion, a little out of focus, and the share found within a step of it.

    Args:
        votes: (B, DIRECTIONS, lengths), logarithms.
        motion: (B, 2), the angle and the length.
        counted: (B,) 1 for the parts that count.
    """
    turn = torch.arange(DIRECTIONS, device=votes.device) - motion[:, :1] * (DIRECTIONS / math.pi)
    turn = (turn + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2
    apart = (LENGTHS.to(votes) - motion[:, 1:]) / (LENGTHS[1] - LENGTHS[0])
    near = (turn[:, :, None] / _BLUNT[0]).square() + (apart[:, None] / _BLUNT[1]).square()
    likely = votes.flatten(1).log_softmax(1)
    error = -((-near / 2).flatten(1).softmax(1) * likely).sum(1)
    best, here = likely.argmax(1), torch.arange(len(votes), device=votes.device)
    hit = (turn[here, best // len(LENGTHS)].abs() <= 1) & (apart[here, best % len(LENGTHS)].abs() <= 1)
    count = counted.sum().clamp(min=1)
    return (error * counted).sum() / count, (hit * counted).sum() / count


def turned(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random symmetry of the square, and the colours in another order; directions turn with the picture."""
    picture, lags, mattes, motion = (sample[key] for key in ("picture", "lags", "mattes", "motion"))
    angle, length = motion.unbind()
    if rng.random() < 0.5:
        picture, mattes = picture.flip(-1), mattes.flip(-1)
        lags, angle = lags.flip(1, 3).roll(1, 3), math.pi - angle
    if rng.random() < 0.5:
        picture, mattes = picture.flip(-2), mattes.flip(-2)
        lags, angle = lags.flip(0, 3).roll(1, 3), math.pi - angle
    if rng.random() < 0.5:
        picture, mattes = picture.mT, mattes.mT
        lags, angle = lags.transpose(0, 1).flip(3).roll(1 + DIRECTIONS // 2, 3), math.pi / 2 - angle
    picture = picture[torch.from_numpy(rng.permutation(3))]
    return {"picture": picture, "lags": lags, "mattes": mattes, "motion": torch.stack((angle % math.pi, length))}
