"""Blur-aware motion (``flow="blur"``): the residual over DIS that explains the blur, learned from synthetic scenes.

First a new network learns where things go: the end-point error of its path against the truth at six instants, counting
more where there is texture. Then it learns what the solver wants of a path psi, which is not quite the same:
the true key frame moved along it, K(x - psi(tau)), should be the true instant, also beside a thing that sweeps over its
surroundings, where the path of the sharp picture's own point is of no use. That loss is the logarithm of the squared
error, so that a decibel counts the same in every scene; end points then count less, and hardly in what is swept over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.engine.engine import Engine
from vsdeblur.flow.blur_net import BlurNet, PathEstimate
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.settings import Options
from vsdeblur.tensors import box
from vsdeblur.training.augment import augmented
from vsdeblur.training.film import SHARP_TAUS
from vsdeblur.training.path_errors import instant_decibels, instant_error, known_mean, path_error
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate
from vsdeblur.window import Window

STEPS = 6000
WARM_UP = 200  # steps
_RATE = 8e-4
_FIRST_PART = 0.6  # share of a new network's steps that are led by the end-point error
_REBLUR = 60.0
_FLOW_LATER = 0.3
_SWEPT = 0.1  # weight of end points, later, in what is swept over
_SEEN = 0.1
_RESTORED = 4
_RIGHT = 1.0  # pixels of error at which a path is half reliable


class MotionRecipe(FallingRate):
    """``Recipe`` of ``BlurNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
        new: Whether the network is to learn first where things go.
    """

    name = "motion"
    batch = 8
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None, *, new: bool = True) -> None:
        super().__init__(steps, peak)
        self.first_part = round(_FIRST_PART * steps) if new else 0

    def network(self) -> nn.Module:
        """A network with new weights."""
        return BlurNet()

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """A batch of random crops, each turned, mirrored, reversed in time and recoloured at random."""
        parts = [augmented(sample, rng) for sample in samples]
        return {key: torch.stack([part[key] for part in parts]) for key in parts[0]}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """The training loss and its parts, the errors of the first path beside them."""
        blurry, base, sharp = batch["blurry"].float() / 255, batch["base"].float(), batch["sharp"]
        truth, known = batch["paths"].float(), batch["known"].float()
        estimate: PathEstimate = network(blurry, base, batch["hints"].float(), batch["shutter"][:, 0])
        weight, later = known * _texture(blurry[:, 1]), step >= self.first_part
        if later:
            weight = weight * torch.where(_swept(truth, batch["shutter"]), _SWEPT, 1.0)
        error = path_error(estimate.path, truth)
        total = (_FLOW_LATER if later else 1.0) * (weight * (error.square() + 0.01).sqrt()).mean()
        if later:
            total = total + instant_decibels(estimate.path, sharp).mean()
        else:
            total = total + _REBLUR * instant_error(estimate.path, sharp)
        judged = _judged(estimate.logits, error.detach().mean(1, keepdim=True), batch["seen"], known)
        total = total + _SEEN * judged
        with torch.no_grad():
            path = estimate.path.detach()
            scalars = {
                "loss": total,
                "epe": known_mean(error, known),
                "epe_base": known_mean(path_error(base, truth), known),
                "instants": instant_error(path, sharp),
                "instants_base": instant_error(base, sharp),
                "judged": judged,
            }
            if later:
                scalars["decibels"] = (instant_decibels(base, sharp) - instant_decibels(path, sharp)).mean()
        return total, {key: float(value.detach()) for key, value in scalars.items()}

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out scenes, whole and as they are: end-point errors, and on the first four the gain in dB of the
        restored instants over the blurry frame; each for the network and for the first path alone.
        """
        network.eval()
        totals: dict[str, list[float]] = {}
        for k, sample in enumerate(samples):
            device = next(network.parameters()).device
            one = {key: value[None].to(device) for key, value in sample.items()}
            base = one["base"].float()
            frames = one["blurry"].float() / 255
            found = network(frames, base, one["hints"].float(), one["shutter"][:, 0]).path
            for name, path in (("", found), ("_base", base)):
                totals.setdefault(f"epe{name}", []).append(
                    float(known_mean(path_error(path, one["paths"].float()), one["known"]))
                )
                if k < _RESTORED:
                    totals.setdefault(f"gain{name}", []).append(restored_gain(sample, path[0].cpu()))
        return {key: float(np.mean(values)) for key, values in totals.items()}


def _swept(truth: Tensor, shutter: Tensor) -> Tensor:
    """(B, 1, h, w) bool: within 8 pixels lies something that moves otherwise by a pixel per exposure or more."""
    velocity = (truth[:, -1] - truth[:, 0]) / 2
    wide = F.max_pool2d(velocity, 9, 1, 4) + F.max_pool2d(-velocity, 9, 1, 4)
    return wide.amax(1, keepdim=True) * shutter.view(-1, 1, 1, 1) > 1


def restored_gain(sample: Sample, path: Tensor) -> float:
    """dB: PSNR of the instants that the engine restores along ``path``, less that of the blurry frame."""
    frames = sample["blurry"].float() / 255
    shutter = float(sample["shutter"][0])
    motion = PairwiseMotion(DisFlow(), linear=False, camera=False)(Window(frames, 0, 0, 3), shutter)
    motion.path[1] = path  # its neighbours keep the straight paths of DIS
    engine = Engine(Options(shutter=shutter, transfer="linear", solver="keyframes", device="cpu"), *frames.shape[-2:])
    window = Window(frames, 0, 1, 1)
    taus = [tau for tau in SHARP_TAUS if -0.5 * shutter <= tau < 1 - 0.5 * shutter]
    restored = list(engine.restore(window, [1 + shutter / 2 + tau for tau in taus], motion=motion))
    truth = [sample["sharp"][SHARP_TAUS.index(tau)].float() / 255 for tau in taus]
    return float(np.mean([_psnr(u, x) - _psnr(frames[1], x) for u, x in zip(restored, truth, strict=True)]))


def _psnr(u: Tensor, truth: Tensor) -> float:
    error = float((u.clamp(0, 1) - truth).square().mean())
    return min(60.0, -10 * math.log10(max(error, 1e-6)))


def _texture(middle: Tensor) -> Tensor:
    """(B, 1, h, w) at half resolution: between 0.3 where nothing shows motion and about 1.5, 1 on average."""
    grey = F.avg_pool2d(middle.mean(1, keepdim=True), 2)
    wide = F.pad(grey, (1,) * 4, mode="replicate")
    slope = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]).abs() + (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]).abs()
    around = box(slope, 5)
    weight = 0.3 + (around / 0.05).clamp(max=1.2)
    return weight / weight.mean((1, 2, 3), keepdim=True)


def _judged(logits: Tensor, error: Tensor, seen: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of reliability (is the path right?) and of what is seen next and before."""
    size = (logits.shape[-2], logits.shape[-1])
    known = F.adaptive_avg_pool2d(known.amin(1, keepdim=True), size)
    right = F.adaptive_avg_pool2d(1 / (1 + (error / _RIGHT) ** 2), size)
    visible = F.adaptive_avg_pool2d(seen.float(), size)
    losses = F.binary_cross_entropy_with_logits(logits, torch.cat((right, visible), 1), reduction="none")
    return (known * losses).mean()
