"""The network at rendered instants: from what the engine knows of them to what was there.

Its changes to an exposure are held to zero mean, as they are where it is used: what noise and compression did to the
blurry frames is not to be learned. The loss is an error of amplitudes over that of the instant as it was composed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.solver.render.refined import CELL
from vsdeblur.solver.unrolled.instant_net import InstantNet
from vsdeblur.training.instants import LOOSE, OPEN
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate

CROP = 96
STEPS = 8000
WARM_UP = 200  # steps
_RATE = 1e-3
_FLOOR = 5e-5  # squared error below which an instant counts less
_EACH = OPEN + LOOSE
_BACKWARDS = [2, 3, 0, 1, 6, 7, 4, 5, 8, 9, 10, 11, 12]  # the hints of a film that runs backwards


class InstantsRecipe(FallingRate):
    """``Recipe`` of ``InstantNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "instants"
    batch = 6
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return InstantNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch of random crops of one group each, turned, mirrored, reversed in time and recoloured at random."""
        return stacked([augmented(sample, rng) for sample in samples])

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The training loss, and the gain in dB over the instants as they were composed."""
        found, given = _errors(network, batch)
        total = ((found + 1e-7) / (given + _FLOOR)).sqrt().mean()
        gains = _decibels(given) - _decibels(found.detach())
        scalars = {"gain": gains, "open": gains[:, :OPEN], "between": gains[:, OPEN:]}
        return total, {"loss": float(total.detach())} | {key: float(x.mean()) for key, x in scalars.items()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out scenes, whole and as they are: mean and worst gain in dB over the instants as composed."""
        network.eval()
        device = next(network.parameters()).device
        gains = []
        for sample in samples:
            for group in range(len(sample["sharp"]) // _EACH):
                one = {key: x[None].float().to(device) for key, x in _group(sample, group).items()}
                found, given = _errors(network, one)
                gains.append(float((_decibels(given) - _decibels(found)).mean()))
        return {"gain": float(np.mean(gains)), "gain_worst": min(gains)}


def augmented(sample: Sample, rng: np.random.Generator) -> Sample:
    """A group of instants: a random crop, symmetry of the square, direction of time and colouring."""
    size = sample["sharp"].shape[-1]
    crop = min(CROP, size)
    out = _group(sample, int(rng.integers(len(sample["sharp"]) // _EACH)))
    top, left = (int(rng.integers((size - crop) // CELL + 1)) for _ in range(2))
    for key, cell in (("pictures", CELL), ("sharp", CELL), ("hints", 1)):
        end = crop * cell // CELL
        out[key] = out[key][..., top * cell : top * cell + end, left * cell : left * cell + end]
    if rng.random() < 0.5:
        out = reversed_in_time(out)
    for axis, component in ((-1, 0), (-2, 1)):
        if rng.random() < 0.5:
            out = {key: x.flip(axis) for key, x in out.items()}
            out["hints"][:, [component, 2 + component]] *= -1
    if rng.random() < 0.5:
        out = {key: x.transpose(-1, -2) for key, x in out.items()}
        out["hints"] = out["hints"][:, [1, 0, 3, 2, *range(4, out["hints"].shape[1])]]
    channels = torch.from_numpy(rng.permutation(3))
    contrast = float(rng.uniform(0.6, 1.0))
    shift = float(rng.uniform(-1, 1)) * (1 - contrast) / 2
    for key in ("pictures", "sharp"):
        out[key] = (out[key].index_select(-3, channels).float() - 0.5) * contrast + 0.5 + shift
    return {key: x.contiguous() for key, x in out.items()}


def reversed_in_time(sample: Sample) -> Sample:
    """The same film run backwards: before and after change places, instants lie on the other side of the middle."""
    hints = sample["hints"][:, _BACKWARDS]
    hints[:, 8] = 1 - hints[:, 8]
    hints[:, 10:12] *= -1
    return sample | {"pictures": sample["pictures"][:, [0, 2, 1, 4, 3]], "hints": hints}


def _group(sample: Sample, number: int) -> Sample:
    """Instants of one exposure, and others."""
    return {key: sample[key][_EACH * number : _EACH * (number + 1)] for key in ("pictures", "hints", "sharp")}


def _errors(network: nn.Module, batch: Sample) -> tuple[Tensor, Tensor]:
    """Squared errors of what is found and of what was given, (B, T) each."""
    pictures, hints, sharp = batch["pictures"], batch["hints"], batch["sharp"]
    change = network(pictures.flatten(0, 1), hints.flatten(0, 1)).float().view_as(sharp)
    held = change[:, :OPEN] - change[:, :OPEN].mean(1, keepdim=True)
    given = pictures[:, :, 0]
    return _squared(given + torch.cat((held, change[:, OPEN:]), 1), sharp), _squared(given, sharp)


def _squared(found: Tensor, sharp: Tensor) -> Tensor:
    return (found - sharp).square().mean((2, 3, 4))


def _decibels(squared: Tensor) -> Tensor:
    return 10 * (squared + 1e-6).log10()
