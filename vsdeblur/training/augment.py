"""Samples of motion as they might have been filmed otherwise: cropped, turned, reversed in time, recoloured."""

from __future__ import annotations

import numpy as np
import torch

from vsdeblur.flow.blur import reversed_path
from vsdeblur.training.pool import Sample

CROP = 128  # pixels per side
_FULL = ("blurry", "sharp", "base", "hints")  # fields of the frames' size, where a sample has them
_HALF = ("paths", "known", "seen")


def augmented(sample: Sample, rng: np.random.Generator, crop: int = CROP) -> Sample:
    """A sample of the pool with a random symmetry of the square, direction of time and colouring, cropped at random."""
    size = sample["blurry"].shape[-1]
    crop = min(crop, size)
    y, x = (2 * int(rng.integers((size - crop) // 2 + 1)) for _ in range(2))
    full = (..., slice(y, y + crop), slice(x, x + crop))
    half = (..., slice(y // 2, (y + crop) // 2), slice(x // 2, (x + crop) // 2))
    out: Sample = {key: sample[key][full] for key in _FULL if key in sample}
    out |= {key: sample[key][half] for key in _HALF}
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
    out["shutter"] = sample["shutter"]
    return out


def reversed_in_time(sample: Sample) -> Sample:
    """The same film run backwards: psi'(tau) = psi(-tau)."""
    out = {key: sample[key].flip(0) for key in ("blurry", "sharp", *_HALF)}
    if "base" in sample:
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
            if "base" in out:
                out["base"] = out["base"] * torch.cat((sign, sign)).half()
    if swap:
        out = {key: value.transpose(-1, -2) for key, value in out.items()}
        out["paths"] = out["paths"].flip(-3)
        if "base" in out:
            out["base"] = out["base"][[1, 0, 3, 2]]
    return out
