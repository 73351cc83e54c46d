"""The recipe of the kernel prior: its samples, that it learns, and the command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.support.learning import learned
from vsdeblur.blind.diffusion.kernel_prior import SCALE, kernel_network
from vsdeblur.blind.estimate.path import REACH
from vsdeblur.cli import main
from vsdeblur.training.camera_kernels import CameraKernels
from vsdeblur.training.recipes.kernel_prior import KernelPriorRecipe


def test_kernels_sum_to_one_about_the_middle() -> None:
    kernels = CameraKernels()(np.random.default_rng(0))["kernels"].float()
    assert kernels.shape[1:] == (2 * REACH + 1, 2 * REACH + 1)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(len(kernels)), atol=2e-3)
    line = torch.arange(-REACH, REACH + 1.0)
    means = torch.stack(((kernels.sum(1) * line).sum(1), (kernels.sum(2) * line).sum(1)))
    assert float(means.abs().max()) < 1.1  # what lies beyond the border is cut off
    assert float(means.abs().median()) < 0.5
    assert float((SCALE * kernels).std()) == pytest.approx(0.27, abs=0.08)
    assert torch.equal(kernels, CameraKernels()(np.random.default_rng(0))["kernels"].float())


def test_a_few_steps_lessen_the_loss() -> None:
    recipe = KernelPriorRecipe(100)
    sample = CameraKernels()(np.random.default_rng(1))
    batch = recipe.collate([{"kernels": sample["kernels"][:8]}], np.random.default_rng(0))
    assert batch["clean"].shape == (8, 1, 32, 32)
    torch.manual_seed(0)
    network = recipe.network()
    losses = [one["loss"] for one in learned(recipe, network, batch, 20)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_command_leaves_weights_of_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KernelPriorRecipe, "batch", 1)
    monkeypatch.setattr(import_module("vsdeblur.cli._training"), "HELD_SCENES", 1)
    monkeypatch.setattr("vsdeblur.training.source.FIRST", 1)
    arguments = ["--out", str(tmp_path / "run"), "--steps", "1", "--workers", "0"]
    result = CliRunner().invoke(main, ["train", "kernel-prior", *arguments])
    assert result.exit_code == 0, result.output
    assert "held_left_100" in result.output
    kernel_network().load_state_dict(load_file(tmp_path / "run" / "kernel-prior.safetensors"))
