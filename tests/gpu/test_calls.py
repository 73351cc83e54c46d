"""Every call on the simulated device: no operation mixes devices, and results are those of the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.gpu.counts import as_on_the_device, blurry
from tests.support.cuda import simulated
from vsdeblur.restore import restore

CALLS: dict[str, dict[str, Any]] = {
    "fast": {},
    "balanced": {"preset": "balanced"},
    "best": {"preset": "best"},
    "srgb": {"preset": "best", "shutter": 0.6, "transfer": "srgb"},
    "blur": {"flow": "blur"},
    "paths": {"flow": "paths", "preset": "balanced"},
    "tv": {"prior": "tv"},
    "video": {"prior": "video"},
    "keyframes": {"preset": "best", "solver": "keyframes"},
    "rolling": {"preset": "best", "readout": 0.5},
    "out_shutter": {"out_shutter": 0.5},
    "estimated": {"shutter": "auto", "readout": "auto", "transfer": "fit"},
    "auto": {"mode": "auto"},
    "frame": {"mode": "frame"},
    "asap": {"solver": "asap", "factor": 2},
    "taps": {"quadrature": "taps"},
}


@pytest.fixture(scope="module")
def v() -> Tensor:
    return blurry(3, 24, 32)


@pytest.mark.parametrize("given", CALLS.values(), ids=CALLS)
def test_a_call_gives_what_the_cpu_gives(v: Tensor, given: dict[str, Any]) -> None:
    arguments = {"factor": 2, "preset": "fast", **given}
    with as_on_the_device():
        known = restore(v, device="cpu", **arguments)
    with simulated():
        found = restore(v, device="cuda:0", **arguments)
    assert type(found) is Tensor
    assert (found - known).abs().max() < 1e-5


def test_true_motion(v: Tensor) -> None:
    flow = torch.zeros(7, 2, *v.shape[-2:])
    flow[:, 0] = -1.0
    for prior in (None, "tv"):
        with as_on_the_device():
            known = restore(v, 2, flow=flow, prior=prior, device="cpu")
        with simulated():
            assert (restore(v, 2, flow=flow, prior=prior, device="cuda") - known).abs().max() < 1e-5


def test_a_clipped_light_repeats_and_one_channel(v: Tensor) -> None:
    lit = v.clone()
    lit[:, :, 10:14, 10:26] = 1.0
    for clip in (lit, v[[0, 1, 1, 2]], v[:, :1]):
        with as_on_the_device():
            known = restore(clip, 2, preset="fast", device="cpu")
        with simulated():
            assert (restore(clip, 2, preset="fast", device="cuda") - known).abs().max() < 1e-5
