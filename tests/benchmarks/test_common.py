"""What the benchmarks share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from common import clip_list, mean_psnr, psnr

pytestmark = pytest.mark.quick


def test_psnr_of_a_known_error() -> None:
    truth = torch.full((3, 8, 8), 0.5)
    found = truth + 0.1
    assert psnr(found, truth) == pytest.approx(20, abs=1e-4)
    assert psnr(truth, truth) == pytest.approx(90)
    assert psnr(torch.full_like(truth, 7.0), torch.ones_like(truth)) == pytest.approx(90)  # as it is shown
    found[:, :2] = 0
    assert psnr(found, truth, 2) == pytest.approx(20, abs=1e-4) != psnr(found, truth)


def test_mean_psnr_is_of_the_inner_periods_and_capped() -> None:
    truth = torch.full((8, 3, 4, 4), 0.5)
    u = truth.clone()
    u[:2], u[-2:] = 0, 0
    u[2] += 0.01
    assert mean_psnr(u, truth, 2) == pytest.approx((40 + 3 * 60) / 4, abs=1e-3)


def test_lists_go_by_name_or_by_path() -> None:
    assert clip_list("hard").name == "hard.toml"
    assert clip_list("hard").exists()
    assert clip_list("some/list.toml") == Path("some/list.toml")
