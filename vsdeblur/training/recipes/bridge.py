"""The network of bridges, trained at random points of bridges from a first restoration to the sharp picture.

    || F((1 - t) x + t y + s n, t) - x ||      over t, s and n

At t = 1 without noise this is regression from the first restoration, which one step needs; at the other points it is
what the steps after the first one need (Delbracio and Milanfar 2023). The noise s is 0, that of InDI, t e, or that of a
Brownian bridge, sqrt(t (1 - t)) e (Liu et al. 2023), so that one network serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.bridge.observed import Observed
from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import unclipped
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate
from vsdeblur.weights import fill

STEPS = 6000
WARM_UP = 50  # steps
_RATE = 3e-4
_REGRESSION = 0.5  # share of the samples at t = 1 without noise
_EARLIEST = 0.03  # least t of the others
_STILL = 0.4  # share of those that have no noise on the bridge
_LEAST_SPREAD, _MOST_SPREAD = 0.01, 0.1  # e, of the others
_MARGIN = 0.1  # weight of errors outside the borders of v
_BRIGHT = 0.3  # and of those where light clips
_FLOOR = 2e-4  # squared error below which a picture counts less
_SMOOTH = 1e-5  # squared error below which the loss is quadratic


class BridgeRecipe(FallingRate):
    """``Recipe`` of ``BridgeNet``, which starts from the weights of a network of unrolled deconvolution.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
        restoration: Weights to start from, None for the project's.
    """

    name = "bridge"
    batch = 8
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None, *, restoration: Path | None = None) -> None:
        super().__init__(steps, peak)
        self.restoration = restoration

    def network(self) -> nn.Module:
        """A network with the weights of the network of unrolled deconvolution."""
        begun, network = RestorationNet(), BridgeNet()
        fill(begun, "restoration", self.restoration)
        network.begin_from(begun)
        return network.to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """Samples of ``RestoredPhotos``, turned at random, with a point of the bridge for each.

        time, spread (B, 1): t and s; random (B, 3, S + 2 REACH, S + 2 REACH): n.
        """
        batch = stacked([_turned(sample, rng) for sample in samples])
        shape = tuple(batch["first"].shape)
        time = np.where(rng.random(len(samples)) < _REGRESSION, 1.0, rng.uniform(_EARLIEST, 1, len(samples)))
        scale = np.exp(rng.uniform(np.log(_LEAST_SPREAD), np.log(_MOST_SPREAD), len(samples)))
        brownian = rng.random(len(samples)) < 0.5
        spread = scale * np.where(brownian, np.sqrt(time * (1 - time)), time)
        spread *= (time < 1) & (rng.random(len(samples)) >= _STILL)
        random = rng.standard_normal(shape, np.float32)
        return batch | {
            "time": torch.from_numpy(time).float()[:, None],
            "spread": torch.from_numpy(spread).float()[:, None],
            "random": torch.from_numpy(random),
        }

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Mean error over that of the bridge's point. gain: of regression over the first restoration, dB."""
        assert isinstance(network, BridgeNet)
        errors, gains = [], []
        for linear in (False, True):
            chosen = (batch["linear"][:, 0] > 0.5) == linear
            if bool(chosen.any()):
                error, gain = bridge_error(network, {key: value[chosen] for key, value in batch.items()}, linear)
                errors.append(error)
                gains.append(gain)
        total, gain = torch.cat(errors).mean(), torch.cat(gains)
        scalars = {"loss": float(total.detach())}
        return total, scalars | ({"gain": float(gain.mean()), "median": float(gain.median())} if len(gain) else {})

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Mean and worst gain in dB of one step over the first restoration, on held-out pictures."""
        network.eval()
        device = next(network.parameters()).device
        gains = []
        for k, sample in enumerate(samples):
            batch = self.collate([sample], np.random.default_rng(k))
            batch |= {"time": torch.ones(1, 1), "spread": torch.zeros(1, 1)}
            gains.append(self.loss(network, {key: x.to(device) for key, x in batch.items()}, 0)[1]["gain"])
        return {"gain": float(np.mean(gains)), "gain_worst": min(gains)}


def bridge_error(network: BridgeNet, batch: Sample, linear: bool) -> tuple[Tensor, Tensor]:
    """(B,), the error of F over that of the bridge's point; and the gain in dB over y of those at t = 1.

    Args:
        network: F.
        batch: Of ``BridgeRecipe.collate``.
        linear: Whether values are light.
    """
    v, clip = batch["v"], batch["clip"][:, :, None, None]
    kernel = batch["kernel"] / batch["kernel"].sum((-2, -1), keepdim=True)
    blur = PixelwiseBlur(kernel[:, None], v.new_ones(len(v), 1, *v.shape[-2:]))
    known = torch.where(clip > 0, unclipped(v, 1.0), 1.0)
    observed = Observed(v, blur, batch["noise"][:, 0], known, linear)
    time, spread = batch["time"], batch["spread"]
    sharp, first = observed.shown(batch["sharp"]), observed.shown(batch["first"])
    point = torch.lerp(sharp, first, time[..., None, None]) + spread[..., None, None] * batch["random"]
    found = observed.expected(network, point, time[:, 0], spread[:, 0])
    weight = sharp.new_full(sharp.shape, _MARGIN)
    m = blur.margin
    inner = (..., slice(m, -m), slice(m, -m))
    weight[inner] = 1
    weight = weight * torch.where(sharp > 1, _BRIGHT, 1.0)
    begun = (point - sharp)[inner].square().mean((1, 2, 3))
    error = (weight * ((found - sharp).square() + _SMOOTH).sqrt()).mean((1, 2, 3)) / weight.mean((1, 2, 3))
    true = sharp[inner].clamp(0, 1)
    before, after = ((x[inner].detach().clamp(0, 1) - true).square().mean((1, 2, 3)) for x in (first, found))
    gain = 10 * ((before + 1e-6) / (after + 1e-6)).log10()
    return error / (begun + _FLOOR).sqrt(), gain[time[:, 0] == 1]


def _turned(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random symmetry of the square, and the colours in another order; the kernel turns with the picture."""
    axes = [axis for axis in (-1, -2) if rng.random() < 0.5]
    swapped = rng.random() < 0.5
    order = torch.from_numpy(rng.permutation(3))
    out = dict(sample)
    for key in ("v", "first", "sharp", "kernel"):
        out[key] = out[key].flip(axes)
        out[key] = out[key].transpose(-1, -2) if swapped else out[key]
        out[key] = out[key] if key == "kernel" else out[key][order]
    return out
