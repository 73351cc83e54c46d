"""The kernels in Triton, by its interpreter: against torch's samplings, and in a whole restoration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vsdeblur.native import on_gpu

pytest.importorskip("triton")

SAMPLINGS = """
import itertools, torch
from vsdeblur.flow.paths import Paths, TorchPoints, TritonPoints
from vsdeblur.native import on_gpu

torch.manual_seed(0)
taus = (-0.4, -0.1, 0.0, 0.3, 0.5)
for planes, kernel, channels, (height, width) in itertools.product(
    (4, 6), ("bilinear", "supersampled"), (1, 3, 5), ((2, 2), (7, 90), (24, 31))
):
    fields = 12 * torch.randn(2, planes, height, width)
    fields[0, 0, 0, 0] = 1e9  # beyond every edge
    picture, y = torch.rand(1, channels, height, width), torch.rand(1, channels, height, width)
    paths = Paths(fields, kernel)
    for n, sign in ((0, 1), (1, -1)):
        at = paths.at(n, taus, sign)
        assert type(paths.points(picture)) is TritonPoints
        known, found = TorchPoints(paths, paths.points(picture).image), paths.points(picture)
        assert (known.mean(at) - found.mean(at)).abs().max() < 1e-5 * 12, (planes, kernel, channels)
        shape = paths.no_points(picture).image
        known, found = TorchPoints(paths, shape.clone()), TritonPoints(paths, shape.clone())
        for points in (known, found):
            points.spread(y, at)
        off, most = (known.image - found.image).abs().max(), known.image.abs().max()
        assert off < 1e-5 * (1 + most), (planes, kernel, channels, off, most)
    assert type(paths.points(picture.double())) is TorchPoints
    assert type(paths.points(picture.requires_grad_())) is TorchPoints
print("alike")
"""
WHOLE = """
import torch
from vsdeblur import restore
from tests.gpu.counts import blurry

v = blurry(3, 24, 32)
torch.save(restore(v, factor=2, shutter=0.6, preset="fast", solver="keyframes", device="cpu"), {path!r})
"""


def run(program: str, **environment: str) -> str:
    """What a program prints in a Python of its own, by torch instead of the native kernels."""
    environment = {**os.environ, "VSDEBLUR_NATIVE": "0", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False, cwd=os.getcwd()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_restoration_is_that_of_torch(tmp_path: Path) -> None:
    by_triton, by_torch = tmp_path / "triton.pt", tmp_path / "torch.pt"
    run(WHOLE.format(path=str(by_triton)), VSDEBLUR_TRITON="1", TRITON_INTERPRET="1")
    run(WHOLE.format(path=str(by_torch)))
    found, known = torch.load(by_triton), torch.load(by_torch)
    assert 0 < (found - known).abs().max() < 1e-5  # other code, and as exact


def test_samplings_are_those_of_torch() -> None:
    assert run(SAMPLINGS, VSDEBLUR_TRITON="1", TRITON_INTERPRET="1").strip() == "alike"


def test_without_triton_it_is_said_and_torch_samples(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VSDEBLUR_TRITON", "1")
    monkeypatch.setattr(on_gpu, "find_spec", lambda name: None)
    on_gpu.asked.cache_clear()
    try:
        assert not on_gpu.takes(torch.zeros(1))
        assert not on_gpu.takes(torch.zeros(1))
    finally:
        on_gpu.asked.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
