"""The kernel network: from a blurry picture to the kernels of its pixels.

Two errors are made small, at single pixels, where a mixed kernel costs little: that of the kernel itself (a little out
of focus, since a path that is found a third of a pixel beside the true one is found), and that of the picture which the
kernels make of the true sharp one (Carbajal et al. 2023), which is what a kernel is for. And the gradient that the
network draws on its way should be the sharp picture's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.estimate.kernel_net import REACH, SPAN, KernelNet, contrast, gradient
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipe import FallingRate, Recipe
from vsdeblur.training.shaken import CELL

STEPS = 8000
WARM_UP = 300  # steps
_RATE = 6e-4
_REBLUR = 2.0  # weight of the re-blurred picture's error
_EDGES = 0.3  # and of the gradient's
_POINTS = 160  # pixels per picture that are blurred again
_FOCUS = 0.8  # pixels: how much out of focus kernels are compared
_DARK = 0.01  # added to light: the curve of display values is steep at black


class KernelsRecipe(FallingRate):
    """``Recipe`` of ``KernelNet``.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
    """

    name = "kernels"
    batch = 8
    peak, warm_up = _RATE, WARM_UP

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)

    def network(self) -> nn.Module:
        """A network with new weights."""
        return KernelNet().to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """picture (B, 3, S, S) as stored; sharp, blurry light; kernels (B, G, G, n, n); gamma (B, 1); at (B, P, 2).

        noise (B, 1): the mean deviation of the stored picture's light.
        """
        parts = [_as_stored(turned(sample, rng), rng) for sample in samples]
        return stacked(parts)

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Both errors; "still" is the kernel's error had nothing moved: what there is to win."""
        return network_error(network(batch["picture"]), batch)

    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """The kernels' error on held-out pictures, that of no blur at all, and the re-blurred picture's."""
        return mean_scores(self, network, samples, ("kernel", "still", "reblur", "edges"))


@torch.no_grad()
def mean_scores(recipe: Recipe, network: nn.Module, samples: Sequence[Sample], keys: Sequence[str]) -> dict[str, float]:
    """Means of what the recipe's loss reports under ``keys``, of each of samples by itself."""
    network.eval()
    device = next(network.parameters()).device
    found: dict[str, list[float]] = {key: [] for key in keys}
    for k, sample in enumerate(samples):
        batch = recipe.collate([sample], np.random.default_rng(k))
        _, scalars = recipe.loss(network, {key: value.to(device) for key, value in batch.items()}, 0)
        for key, values in found.items():
            values.append(scalars[key])
    return {key: float(np.mean(values)) for key, values in found.items()}


def network_error(found: tuple[Tensor, Tensor, Tensor], batch: Sample) -> tuple[Tensor, dict[str, float]]:
    """All errors together of what ``KernelNet`` found in the batch, and each of them by its name."""
    basis, shares, edges = found
    with torch.autocast(basis.device.type, enabled=False):
        basis, shares = basis.float().flatten(2).softmax(-1), shares.float()
        true = batch["kernels"].flatten(3).flatten(1, 2)
        size = batch["picture"].shape[-1]
        line = torch.arange(CELL // 2, size, CELL, device=true.device, dtype=true.dtype)
        y, x = torch.meshgrid(line, line, indexing="ij")
        grid = torch.stack((x.flatten(), y.flatten()), -1).expand(len(true), -1, -1)
        apart = kernel_error(mixed(basis, shares, grid, size), true).mean()
        again = reblurred(batch["sharp"], mixed(basis, shares, batch["at"], size), batch["at"])
        reblur = reblur_error(again, batch).mean()
        drawn = edge_error(edges, batch).mean()
        total = apart + _REBLUR * reblur + _EDGES * drawn
        with torch.no_grad():
            delta = F.pad(true.new_ones(1, 1, 1), (SPAN * SPAN // 2,) * 2)
            still = kernel_error(delta.expand_as(true), true).mean()
    scalars = {"loss": total, "kernel": apart, "still": still, "reblur": reblur, "edges": drawn}
    return total, {key: float(value.detach()) for key, value in scalars.items()}


def mixed(basis: Tensor, shares: Tensor, at: Tensor, size: int) -> Tensor:
    """(B, P, n * n): the kernels at pixels ``at`` (B, P, 2) of pictures size x size.

    Args:
        basis: (B, K, n * n).
        shares: (B, K, h, w) logarithms, h and w a whole part of size.
        at: Pixels x, y.
        size: Pixels per side.
    """
    place = (2 * at + 1) / size - 1
    seen = F.grid_sample(shares, place[:, None], mode="bilinear", padding_mode="border", align_corners=False)
    return torch.einsum("bkp,bkn->bpn", seen[:, :, 0].softmax(1), basis)


def kernel_error(found: Tensor, true: Tensor) -> Tensor:
    """(B, P), 0 to 1: the part of the light that is out of its place. found, true: (B, P, n * n)."""
    difference = (found.reshape(-1, 1, SPAN, SPAN) - true.reshape(-1, 1, SPAN, SPAN)).float()
    line = torch.exp(-(torch.arange(-3, 4, device=found.device) ** 2) / (2 * _FOCUS**2))
    line = line / line.sum()
    soft = F.conv2d(F.conv2d(difference, line.view(1, 1, 1, 7), padding=(0, 3)), line.view(1, 1, 7, 1), padding=(3, 0))
    return 0.5 * soft.abs().sum((1, 2, 3)).view(found.shape[:2])


def reblurred(sharp: Tensor, kernels: Tensor, at: Tensor) -> Tensor:
    """(B, P, 3): what kernels (B, P, n * n) make of sharp (B, 3, S + n - 1, S + n - 1) at pixels ``at`` (B, P, 2)."""
    patches = sharp.unfold(2, SPAN, 1).unfold(3, SPAN, 1)  # a view
    x, y = at.long().unbind(-1)
    rows = torch.arange(len(sharp), device=sharp.device)[:, None]
    seen = patches[rows, :, y, x].flatten(-2)
    return torch.einsum("bpcn,bpn->bpc", seen, kernels)


def reblur_error(again: Tensor, batch: Sample) -> Tensor:
    """(B, P): mean distance of display values over the picture's contrast."""
    x, y = batch["at"].long().unbind(-1)
    rows = torch.arange(len(again), device=again.device)[:, None]
    true = batch["blurry"][rows, :, y, x]
    power = 1 / batch["gamma"][:, None]
    apart = ((again.clamp_min(0) + _DARK) ** power - (true.clamp_min(0) + _DARK) ** power).abs().mean(-1)
    contrast = batch["picture"].flatten(1).std(1)[:, None].clamp_min(0.05)
    return apart / contrast


def edge_error(edges: Tensor, batch: Sample) -> Tensor:
    """(B,): mean distance of ``edges`` to the sharp picture's gradient, over that of the blurry picture's."""
    sharp = batch["sharp"][..., REACH:-REACH, REACH:-REACH].clamp(0, 1)
    shown = (sharp + _DARK) ** (1 / batch["gamma"][..., None, None])
    unit = contrast(batch["picture"])
    true, given = gradient(shown) / unit, gradient(batch["picture"]) / unit
    return (edges - true).abs().mean((1, 2, 3)) / ((given - true).abs().mean((1, 2, 3)) + 0.02)


def turned(sample: Sample, rng: np.random.Generator) -> dict[str, Any]:
    """A random symmetry of the square, and the colours in another order; kernels turn with the picture."""
    out: dict[str, Any] = {key: value.numpy() for key, value in sample.items()}
    for axis, cells in ((-1, 1), (-2, 0)):
        if rng.random() < 0.5:
            out["sharp"], out["blurry"] = np.flip(out["sharp"], axis), np.flip(out["blurry"], axis)
            out["kernels"] = np.flip(out["kernels"], (axis, cells))
    if rng.random() < 0.5:
        out["sharp"], out["blurry"] = out["sharp"].swapaxes(-1, -2), out["blurry"].swapaxes(-1, -2)
        out["kernels"] = out["kernels"].transpose(1, 0, 3, 2)
    order = rng.permutation(3)
    out["sharp"], out["blurry"] = out["sharp"][order], out["blurry"][order]
    return out


def _as_stored(sample: dict[str, Any], rng: np.random.Generator) -> Sample:
    """The sample with its blurry picture as a camera stores it: with noise, clipped, through the curve, compressed."""
    import cv2

    gamma = float(sample["gamma"][0])
    exposure = float(np.exp(rng.uniform(-0.7, 0.1))) if rng.random() < 0.5 else 1.0
    sharp, blurry = (sample[key].astype(np.float32) * exposure for key in ("sharp", "blurry"))
    # Display values are what noise and darkness are measured in, whichever curve they are stored by.
    level = float(np.exp(rng.uniform(np.log(5e-4), np.log(0.03))))
    shot = float(rng.uniform(0, 1))
    slope = 1.0 if gamma == 1 else gamma * (blurry + _DARK) ** (1 - 1 / gamma)
    noise = slope * level * np.sqrt(1 - shot + shot * 2 * blurry)
    stored = np.clip(blurry + noise * rng.normal(size=blurry.shape), 0, 1) ** (1 / gamma)
    if rng.random() < 0.8:
        picture = np.rint(stored * 255).astype(np.uint8)
        if rng.random() < 0.4:
            rows = np.ascontiguousarray(picture.transpose(1, 2, 0))
            _, data = cv2.imencode(".jpg", rows, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))])
            picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)).transpose(2, 0, 1)
        stored = picture.astype(np.float32) / 255
    size = blurry.shape[-1]
    found = {
        "picture": stored,
        "sharp": sharp,
        "blurry": blurry,
        "kernels": sample["kernels"],
        "gamma": sample["gamma"],
        "noise": [np.mean(noise)],
        "at": rng.integers(0, size, (_POINTS, 2)),
    }
    return {key: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for key, value in found.items()}
