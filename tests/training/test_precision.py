"""Training computes in bfloat16 where that is fast, and nowhere else."""

import pytest
import torch

from vsdeblur.device import trains_in_half


@pytest.mark.parametrize(
    ("kind", "multiplies", "expected"),
    [("cpu", True, True), ("cpu", False, False), ("cuda", False, True), ("mps", True, False)],
)
def test_half_precision_only_where_the_processor_multiplies_in_it(monkeypatch, kind, multiplies, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: multiplies, raising=False)
    assert trains_in_half(torch.device(kind)) is expected
