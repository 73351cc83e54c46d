"""Hosts and single pictures on the simulated device: devices do not mix, and results are those of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from torch import Tensor

from tests.gpu.counts import as_on_the_device, blurry
from tests.support.cuda import Accelerator, simulated
from tests.support.native import torch_alone
from tests.support.pictures import blocks
from tests.support.pyav import frames
from tests.support.vapoursynth import clip_of
from vsdeblur import deblur
from vsdeblur.blind.frame import restore_frame
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.filters.pyav.frames import deblur_frames

MODES = ({"preset": "balanced"}, {"mode": "frame", "deconvolver": "plug-and-play"}, {"mode": "auto"})


def on_both(call: Callable[[str], Tensor]) -> tuple[Tensor, Tensor, Accelerator]:
    """What a call returns for device="cpu" and for "cuda", and what it did there."""
    with as_on_the_device():
        known = call("cpu")
    with torch_alone(), simulated() as device:
        found = call("cuda")
    return known, found, device


@pytest.mark.parametrize("given", MODES, ids=lambda given: next(iter(given.values())))
def test_pyav(given: dict[str, Any]) -> None:
    def call(device: str) -> Tensor:
        out = deblur_frames(frames(3), 2, shutter=0.5, device=device, **given)
        return torch.stack([torch.from_numpy(frame.to_ndarray().astype(np.int32)) for frame in out])

    known, found, device = on_both(call)
    assert (known - found).abs().max() <= 1  # code values
    assert device.copies.total() > 0


@pytest.mark.parametrize("given", MODES, ids=lambda given: next(iter(given.values())))
def test_vapoursynth(given: dict[str, Any]) -> None:
    picture = (255 * blurry(3, 32, 48)).round().to(torch.uint8).numpy()
    clip = clip_of(vs.RGB24, 48, 32, 3, lambda n: list(picture[n]))

    def call(device: str) -> Tensor:
        out = deblur(clip, 2, shutter=0.5, device=device, **given)
        planes = [[np.array(frame[p], np.int32) for p in range(3)] for frame in out.frames()]
        return torch.from_numpy(np.array(planes))

    known, found, device = on_both(call)
    assert (known - found).abs().max() <= 1  # code values
    assert device.copies.total() > 0


@pytest.mark.parametrize(
    "deconvolver", ["plug-and-play", "unrolled", "richardson-lucy", "indi", "dds", "pigdm", "split-gibbs"]
)
def test_single_pictures(deconvolver: str) -> None:
    kernel = torch.zeros(13, 13)
    kernel[6, 3:10] = 1 / 7
    picture = UniformBlur(kernel, (72, 96))(0.8 * blocks(84, 108) + 0.1)[0]

    def call(device: str) -> Tensor:
        def known(v: Tensor) -> UniformBlur:
            return UniformBlur(kernel.to(v.device), (v.shape[-2], v.shape[-1]))

        chosen: dict[str, Any] = {"steps": 8} if deconvolver in ("dds", "pigdm", "split-gibbs") else {}
        return restore_frame(picture, estimator=known, deconvolver=deconvolver, noise=0.002, device=device, **chosen)[0]

    known, found, device = on_both(call)
    assert (known - found).abs().max() < 1e-4
    assert (found - picture).abs().max() > 0.01
    assert not device.doubles, "float64 is slow there, and MPS lacks it"
