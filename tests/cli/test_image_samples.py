"""``vsdeblur image --samples``: the mean, the samples, and where they disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.cli import main
from vsdeblur.files import written
from vsdeblur.stills.about import About
from vsdeblur.stills.still import Still, encode_still, read_still

H, W = 24, 40


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """``restore_frame`` that draws: brighter by two code values for each seed, in the left half alone."""
    seen: list[dict[str, Any]] = []

    def draw(picture: Tensor, **given: Any) -> tuple[Tensor, UniformBlur]:
        seen.append(given)
        brighter = picture.clone()
        brighter[..., : W // 2] += 2 / 255 * given["seed"]
        return brighter, UniformBlur(torch.full((5, 5), 1 / 25), (H, W))

    monkeypatch.setattr("vsdeblur.blind.frame.restore_frame", draw)
    return seen


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    with written(path) as temporary:
        temporary.write_bytes(encode_still(Still(torch.full((3, H, W), 100 / 255), 8, About()), "png", 95))
    return path


def call(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["image", *map(str, arguments)])


def test_mean_samples_and_spread_are_written(source: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    result = call(source, tmp_path / "out.png", "--method", "dds", "--samples", 3, "--seed", 2, "--steps", 4)
    assert result.exit_code == 0, result.stderr
    assert [one["seed"] for one in calls] == [2, 3, 4]
    assert {one["steps"] for one in calls} == {4}
    assert "uniform, dds steps 4 seed 2 mean of 3" in result.stderr
    left = [
        round(255 * float(read_still(tmp_path / f"out{name}.png").values[0, 4, 4])) for name in ("", "-1", "-2", "-3")
    ]
    assert left == [106, 104, 106, 108]
    spread = read_still(tmp_path / "out-spread.png").values
    assert spread.shape == (1, H, W)
    assert float(spread[..., : W // 2].min()) == pytest.approx(2 / 255 / 0.25, abs=2 / 255)
    assert float(spread[..., W // 2 :].max()) == 0


def test_the_blur_is_found_once(source: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    assert call(source, tmp_path / "out.png", "--method", "split-gibbs", "--samples", 2).exit_code == 0
    assert "estimator" not in calls[0]
    assert calls[1]["estimator"](None).size == (H, W)


def test_no_sample_replaces_a_file(source: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    (tmp_path / "out-2.png").write_bytes(b"mine")
    result = call(source, tmp_path / "out.png", "--method", "dds", "--samples", 2)
    assert result.exit_code == 1
    assert "out-2.png" in result.stderr
    assert not calls
    assert (tmp_path / "out-2.png").read_bytes() == b"mine"


def test_what_draws_nothing_has_no_samples(source: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    result = call(source, tmp_path / "out.png", "--samples", 2, "--prior", "tv")
    assert result.exit_code == 2
    assert "--samples must be 1 unless --deconvolver is one of" in result.stderr
    assert not calls
