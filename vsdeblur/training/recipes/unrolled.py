"""The proximal network of the unrolled solver: from key frames as the engine solves them to the true sharp frames.

The loss is an error of amplitudes over that of the key frame that went in, so that scenes which are restored well
already count as much as those which are beyond help.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate

CROP = 112
STEPS = 5000
WARM_UP = 200  # steps
_RATE = 8e-4
_ALONE = 0.08  # share of the samples that are shown without a neighbour, on either side: cuts and ends of clips
_FLOOR = 2e-4  # squared error below which a scene counts less


class UnrolledRecipe(FallingRate):
    """``Recipe`` of ``ProximalNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "unrolled"
    batch = 10
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return ProximalNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch of random crops, each turned, mirrored, reversed in time and recoloured at random."""
        return stacked([augmented(sample, rng) for sample in samples])

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The training loss, and the gain in dB over the key frames that went in."""
        found = _through(network, batch)
        given = _squared(batch["pictures"][:, 0], batch["sharp"])
        error = ((found - batch["sharp"]).square() + 1e-5).sqrt().mean((1, 2, 3))
        total = (error / (given + _FLOOR).sqrt()).mean()
        gain = _decibels(given) - _decibels(_squared(found.detach(), batch["sharp"]))
        return total, {"loss": float(total.detach()), "gain": float(gain.mean()), "median": float(gain.median())}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out scenes, whole and as they are: mean and worst gain in dB over the key frames that went in."""
        network.eval()
        device = next(network.parameters()).device
        gains = []
        for sample in samples:
            one = {key: value[None].float().to(device) for key, value in _shown(sample).items()}
            found = _through(network, one)
            gains.append(
                float(
                    _decibels(_squared(one["pictures"][:, 0], one["sharp"])) - _decibels(_squared(found, one["sharp"]))
                )
            )
        return {"gain": float(np.mean(gains)), "gain_worst": min(gains)}


def augmented(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random crop, symmetry of the square, direction of time and colouring, sometimes without a neighbour."""
    size = sample["sharp"].shape[-1]
    crop = min(CROP, size)
    y, x = (int(rng.integers(size - crop + 1)) for _ in range(2))
    out = {key: value[..., y : y + crop, x : x + crop] for key, value in sample.items() if key != "shutter"}
    hints = out["hints"].clone()
    for side in (1, 2):
        if rng.random() < _ALONE:
            hints[side] = 0
    out = _shown(out | {"hints": hints})
    if rng.random() < 0.5:
        out = reversed_in_time(out)
    for axis, component in ((-1, 0), (-2, 1)):
        if rng.random() < 0.5:
            out = {key: value.flip(axis) for key, value in out.items()}
            out["path"] = out["path"] * _signs(component)
    if rng.random() < 0.5:
        out = {key: value.transpose(-1, -2) for key, value in out.items()}
        out["path"] = out["path"][[1, 0, 3, 2]]
    channels = torch.from_numpy(rng.permutation(3))
    contrast = float(rng.uniform(0.6, 1.0))
    shift = float(rng.uniform(-1, 1)) * (1 - contrast) / 2
    for key in ("pictures", "sharp"):
        out[key] = (out[key].index_select(-3, channels).float() - 0.5) * contrast + 0.5 + shift
    return {key: value.contiguous() for key, value in out.items()} | {"shutter": sample["shutter"]}


def reversed_in_time(sample: Sample) -> Sample:
    """The same film run backwards: neighbours change places, velocity its sign."""
    return sample | {
        "pictures": sample["pictures"][[0, 1, 3, 2]],
        "hints": sample["hints"][[0, 2, 1]],
        "path": sample["path"] * torch.tensor([-1.0, -1.0, 1.0, 1.0]).view(4, 1, 1).to(sample["path"]),
    }


def _shown(sample: Sample) -> Sample:
    """The sample with the key frame itself where a neighbour does not show it."""
    key, blurry, after, before = sample["pictures"].float()
    beside = [torch.lerp(key, x, sample["hints"][side].float()) for side, x in ((1, after), (2, before))]
    return sample | {"pictures": torch.stack((key, blurry, *beside)).half()}


def _signs(component: int) -> Tensor:
    signs = torch.ones(2, 1, 1)
    signs[component] = -1
    return torch.cat((signs, signs)).half()


def _through(network: nn.Module, batch: Sample) -> Tensor:
    found: Tensor = network(batch["pictures"], batch["path"], batch["hints"], batch["shutter"][:, 0])
    return found.float()


def _squared(found: Tensor, sharp: Tensor) -> Tensor:
    """(B,): mean squared error of values that a display would show."""
    return (found.clamp(0, 1) - sharp).square().mean((1, 2, 3))


def _decibels(squared: Tensor) -> Tensor:
    return 10 * (squared + 1e-6).log10()
