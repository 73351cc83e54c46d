"""Motion without a first flow (``flow="paths"``): ways to both neighbours, from scenes and from followed real clips.

Every estimate is led by the end-point errors of its path at six instants, to a power below 1 (as in the last stage of
PWC-Net's training, Sun et al., CVPR 2018): what is lost in large motion does not count more for being far. The last one
is led also by the likelihood of the error of either way and by what the solver wants of a path psi: the true key frame
moved along it, K(x - psi(tau)), should be the true instant (``recipes/motion.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.flow.path_net import SCALE, PathNet, Ways
from vsdeblur.training.augment import augmented
from vsdeblur.training.drawing import PATH_TAUS
from vsdeblur.training.path_errors import instant_decibels, known_mean, path_error
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate

STEPS = 20000
FASTEST = 48.0  # pixels per period at 192 pixels: eight frames of a running person
_CROP = 160  # pixels per side: more than three times that
_EARLIER = 0.8  # weight of an estimate over the next one's
_LIKELY = 0.25
_DECIBELS = 1.0
_ABSENT = 0.1  # share of the samples that lack a neighbour
_LEAST, _POWER = 0.01, 0.4  # pixels^2 added to the squared end-point error, and its power: far off is far off


class PathRecipe(FallingRate):
    """``Recipe`` of ``PathNet``."""

    name = "paths"
    batch = 6
    peak = 6e-4
    warm_up = 300

    def network(self) -> nn.Module:
        """A network with new weights."""
        return PathNet()

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch of random crops, each turned, mirrored, reversed in time and recoloured; some without a neighbour."""
        parts = [augmented(sample, rng, _CROP) for sample in samples]
        batch = {key: torch.stack([part[key] for part in parts]) for key in parts[0]}
        present = torch.ones(len(parts), 2)
        for row in present:
            if rng.random() < _ABSENT:
                row[int(rng.integers(2))] = 0
        return batch | {"present": present}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The training loss and its parts."""
        blurry, truth, present = batch["blurry"].float() / 255, batch["paths"].float(), batch["present"]
        known = batch["known"].float() * _present(present)
        estimates: list[Ways] = network(blurry, batch["shutter"][:, 0], present)
        total = blurry.new_zeros(())
        for k, estimate in enumerate(estimates):
            error = path_error(estimate.path(), truth)
            robust = (error.square() + _LEAST) ** _POWER
            total = total + _EARLIER ** (len(estimates) - 1 - k) * known_mean(robust, known)
        last = estimates[-1]
        likely = _unlikelihood(last, truth, known)
        path = last.path()
        decibels = instant_decibels(path, batch["sharp"]).mean()
        total = total + _LIKELY * likely + _DECIBELS * decibels
        scalars = {"loss": total, "epe": known_mean(error, known), "likely": likely, "decibels": decibels}
        scalars["length"] = known_mean(truth.square().sum(2).sqrt(), known)
        return total, {key: float(value.detach()) for key, value in scalars.items()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out scenes: the end-point error where paths are known, and dB of the moved key frame's error."""
        network.eval()
        device = next(network.parameters()).device
        totals: dict[str, list[float]] = {}
        for sample in samples:
            one = {key: value[None].to(device) for key, value in sample.items()}
            present = torch.ones(1, 2, device=device)
            frames = one["blurry"].float() / 255
            path = network(frames, one["shutter"][:, 0], present)[-1].path()
            error = path_error(path, one["paths"].float())
            totals.setdefault("epe", []).append(float(known_mean(error, one["known"])))
            totals.setdefault("decibels", []).append(float(instant_decibels(path, one["sharp"])))
        return {key: float(np.mean(values)) for key, values in totals.items()}


def _present(present: Tensor) -> Tensor:
    """(B, 6, 1, 1): whether the neighbour on that side of each of PATH_TAUS is there."""
    sides = [0 if tau > 0 else 1 for tau in PATH_TAUS]
    return present[:, sides, None, None]


def _unlikelihood(ways: Ways, truth: Tensor, known: Tensor) -> Tensor:
    """Mean negative logarithm of the density of either way's error, where known: two Laplace distributions."""
    half = F.avg_pool2d(ways.way.flatten(1, 2), 2).unflatten(1, (2, 2))
    spread = F.avg_pool2d(ways.spread.flatten(1, 2), 2).unflatten(1, (2, 2))
    ends = [PATH_TAUS.index(1.0), PATH_TAUS.index(-1.0)]
    error = ((half - truth[:, ends]).square().sum(2) + 1e-4).sqrt() / SCALE
    logit, wide = spread[:, :, 0], spread[:, :, 1]
    sharp = F.logsigmoid(logit) - error
    blunt = F.logsigmoid(-logit) - error * torch.exp(-wide) - 2 * wide
    return known_mean(math.log(2 * math.pi) - torch.logaddexp(sharp, blunt), known[:, ends])
