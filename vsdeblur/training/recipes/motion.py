"""Blur-aware motion (``flow="blur"``): the residual over DIS that explains the blur, learned from synthetic scenes.

First the network learns where things go: the end-point error of every round's path against the truth at six instants,
counting more where there is texture. Then it learns what the solver wants of a path psi, which is not quite the same:
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
from vsdeblur.flow.blur import reversed_path
from vsdeblur.flow.blur_net import BlurNet, PathEstimate
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.warp import inside, sampling_grid, warp
from vsdeblur.settings import Options
from vsdeblur.tensors import box
from vsdeblur.training.drawing import PATH_TAUS
from vsdeblur.training.film import SHARP_TAUS
from vsdeblur.training.pool import Sample
from vsdeblur.window import Window

CROP = 128
WARM_UP = 200  # steps
HOLD = 3000  # steps until the rate falls
_RATE = 8e-4
FIRST_PART = 2788  # steps that are led by the end-point error
_EARLIER = 0.5  # weight of the first round's loss over the last one's
_REBLUR = 60.0
_FLOW_LATER = 0.3
_SWEPT = 0.1  # weight of end points, later, in what is swept over
_SEEN = 0.1
_RESTORED = 4
_RIGHT = 1.0  # pixels of error at which a path is half reliable


class MotionRecipe:
    """``Recipe`` of ``BlurNet``."""

    name = "motion"
    batch = 8

    def __init__(self, peak: float | None = None) -> None:
        self.peak = peak or _RATE

    def rate(self, step: int) -> float:
        """Held, then falling with the root of time: good weights whenever the run ends."""
        return self.peak * min((step + 1) / WARM_UP, 1.0, math.sqrt(HOLD / (step + 1)))

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
        truth, known = batch["paths"].float(), batch["known"].view(-1, 1, 1, 1)
        estimates: list[PathEstimate] = network(blurry, base, batch["hints"].float(), batch["shutter"][:, 0])
        weight, later = known * _texture(blurry[:, 1]), step >= FIRST_PART
        if later:
            weight = weight * torch.where(_swept(truth, batch["shutter"]), _SWEPT, 1.0)
        total = blurry.new_zeros(())
        for k, estimate in enumerate(estimates):
            last = k == len(estimates) - 1
            error = path_error(estimate.path, truth)
            part = (_FLOW_LATER if later else 1.0) * (weight * (error.square() + 0.01).sqrt()).mean()
            if later and last:
                part = part + instant_decibels(estimate.path, sharp).mean()
            elif not later:
                part = part + _REBLUR * instant_error(estimate.path, sharp)
            judged = _judged(estimate.logits, error.detach().mean(1, keepdim=True), batch["seen"], known)
            total = total + (1.0 if last else _EARLIER) * (part + _SEEN * judged)
        with torch.no_grad():
            path = estimates[-1].path.detach()
            scalars = {
                "loss": total,
                "epe": error.mean(),
                "epe_base": path_error(base, truth).mean(),
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
            found = network(frames, base, one["hints"].float(), one["shutter"][:, 0])[-1].path
            for name, path in (("", found), ("_base", base)):
                totals.setdefault(f"epe{name}", []).append(float(path_error(path, one["paths"].float()).mean()))
                if k < _RESTORED:
                    totals.setdefault(f"gain{name}", []).append(restored_gain(sample, path[0].cpu()))
        return {key: float(np.mean(values)) for key, values in totals.items()}


def path_error(path: Tensor, truth: Tensor) -> Tensor:
    """(B, 6, h, w): end-point error at PATH_TAUS of path (B, 4, H, W) against truth (B, 6, 2, H / 2, W / 2), pixels."""
    half = F.avg_pool2d(path, 2)
    found = torch.stack([displacement(half, tau) for tau in PATH_TAUS], 1)
    return (found - truth).square().sum(2).add(1e-6).sqrt()


def instant_error(path: Tensor, sharp: Tensor) -> Tensor:
    """Mean Charbonnier distance of K(x - psi(tau)) to the true instants; sharp (B, 5, 3, H, W) at SHARP_TAUS."""
    middle = SHARP_TAUS.index(0.0)
    key = sharp[:, middle].float() / 255
    total = path.new_zeros(())
    for k, tau in enumerate(SHARP_TAUS):
        if k != middle:
            way = -displacement(path, tau)
            difference = warp(key, way, "bilinear") - sharp[:, k].float() / 255
            total = total + ((difference.square() + 1e-5).sqrt() * inside(sampling_grid(way.detach()))).mean()
    return total / (len(SHARP_TAUS) - 1)


def instant_decibels(path: Tensor, sharp: Tensor) -> Tensor:
    """(B,): squared error of K(x - psi(tau)) against the true instants, in dB."""
    middle = SHARP_TAUS.index(0.0)
    key = sharp[:, middle].float() / 255
    total = path.new_zeros(len(path))
    for k, tau in enumerate(SHARP_TAUS):
        if k != middle:
            way = -displacement(path, tau)
            difference = warp(key, way) - sharp[:, k].float() / 255
            total = total + (difference.square() * inside(sampling_grid(way.detach()))).mean((1, 2, 3))
    return 10 * (total / (len(SHARP_TAUS) - 1) + 1e-6).log10()


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
    engine = Engine(Options(shutter=shutter, transfer="linear", solver="keyframes"), *frames.shape[-2:])
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
    right = F.adaptive_avg_pool2d(1 / (1 + (error / _RIGHT) ** 2), size)
    visible = F.adaptive_avg_pool2d(seen.float(), size)
    losses = F.binary_cross_entropy_with_logits(logits, torch.cat((right, visible), 1), reduction="none")
    return (known * losses).mean()


def augmented(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random crop, symmetry of the square, direction of time and colouring of a sample of the pool."""
    size = sample["blurry"].shape[-1]
    crop = min(CROP, size)
    y, x = (2 * int(rng.integers((size - crop) // 2 + 1)) for _ in range(2))
    full = (..., slice(y, y + crop), slice(x, x + crop))
    half = (..., slice(y // 2, (y + crop) // 2), slice(x // 2, (x + crop) // 2))
    out = {key: sample[key][full] for key in ("blurry", "sharp", "base", "hints")}
    out |= {key: sample[key][half] for key in ("paths", "seen")}
    if rng.random() < 0.5:
        out = reversed_in_time(out)
    out = _turned(out, mirror_x=rng.random() < 0.5, mirror_y=rng.random() < 0.5, swap=rng.random() < 0.5)
    for key in ("blurry", "sharp"):
        out[key] = out[key].contiguous()
    channels = torch.from_numpy(rng.permutation(3))
    contrast, shift = float(rng.uniform(0.6, 1.1)), float(rng.uniform(-0.1, 0.1)) * 255
    for key in ("blurry", "sharp"):
        toned = (out[key][:, channels].float() - 128) * contrast + 128 + shift
        out[key] = toned.round().clamp(0, 255).to(torch.uint8)
    out |= {key: sample[key] for key in ("shutter", "known")}
    return out


def reversed_in_time(sample: Sample) -> Sample:
    """The same film run backwards: psi'(tau) = psi(-tau)."""
    out = {key: sample[key].flip(0) for key in ("blurry", "sharp", "paths", "seen")}
    out["base"] = reversed_path(sample["base"][None])[0]
    out["hints"] = sample["hints"][[0, 2, 1]]
    return sample | out


def _turned(sample: Sample, mirror_x: bool, mirror_y: bool, swap: bool) -> Sample:
    """Mirrored and transposed; vectors with their pictures."""
    out = dict(sample)
    for flag, axis, component in ((mirror_x, -1, 0), (mirror_y, -2, 1)):
        if flag:
            out = {key: value.flip(axis) for key, value in out.items()}
            sign = torch.ones(2, 1, 1)
            sign[component] = -1
            out["paths"] = out["paths"] * sign.half()
            out["base"] = out["base"] * torch.cat((sign, sign)).half()
    if swap:
        out = {key: value.transpose(-1, -2) for key, value in out.items()}
        out["paths"] = out["paths"].flip(-3)
        out["base"] = out["base"][[1, 0, 3, 2]]
    return out
