"""VSDEBLUR_COMPILE: networks by torch.compile."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.gpu.counts import blurry
from vsdeblur import restore
from vsdeblur.device import compiled
from vsdeblur.errors import ArgumentError


def test_compiled_networks_give_the_same_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    v, begun = blurry(3, 24, 32), []

    def counted(function: Any, **given: Any) -> Any:
        begun.append(given["backend"])
        return kept(function, **given)

    kept = torch.compile
    known = restore(v, factor=1, shutter=1.0, preset="best", device="cpu")
    monkeypatch.setenv("VSDEBLUR_COMPILE", "eager")
    monkeypatch.setattr(torch, "compile", counted)
    assert (restore(v, factor=1, shutter=1.0, preset="best", device="cpu") - known).abs().max() < 1e-5
    assert begun == ["eager", "eager"]  # key frames and instants


def test_a_backend_that_torch_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Linear(1, 1)
    assert compiled(network) is network
    monkeypatch.setenv("VSDEBLUR_COMPILE", "fastest")
    with pytest.raises(ArgumentError, match=r"VSDEBLUR_COMPILE must be .*cudagraphs, inductor.*, not .fastest.$"):
        compiled(network)
