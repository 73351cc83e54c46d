"""Weights that users bring: wild values, devices, oversized files and folders without them are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import vsdeblur.weights
from vsdeblur.errors import DeblurError, InputError
from vsdeblur.external import with_weights
from vsdeblur.priors.protocol import FunctionPrior
from vsdeblur.settings import parse_options
from vsdeblur.solver.unrolled.choose import load_instant_step, load_key_frame_step

WILD = [float("nan"), float("inf"), 1e30]


def saved(path: Path, network: torch.nn.Module, value: float | None = None) -> Path:
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if value is not None:
        state["weight"][0, 0] = value
    save_file(state, path)
    return path


@pytest.mark.parametrize("value", WILD)
def test_wild_values(tmp_path: Path, value: float) -> None:
    network = torch.nn.Linear(3, 2)
    path = saved(tmp_path / "own.safetensors", network, value)
    with pytest.raises(InputError, match=r"own.safetensors: not weights .* \(weight has values that are not finite"):
        vsdeblur.weights.fill(network, "motion", path)
    with pytest.raises(DeblurError, match=r"prior: .*weight has values that are not finite"):
        with_weights(network, str(path), "prior")
    saved(path, torch.nn.Linear(3, 2))
    vsdeblur.weights.fill(network, "motion", path)


def test_devices_and_oversized_files(tmp_path: Path) -> None:
    network = torch.nn.Linear(3, 2)
    for path in (Path("/dev/zero"), tmp_path / "large.safetensors"):
        if path.parent == tmp_path:
            with path.open("wb") as file:
                file.truncate(1 << 33)  # a hole, which takes no room
        said = "no file" if path.parent != tmp_path else "8589934592 bytes, and weights of this network at most"
        with pytest.raises(InputError, match=said):
            vsdeblur.weights.fill(network, "motion", path)
        with pytest.raises(DeblurError, match=said):
            with_weights(network, str(path), "flow")


def test_a_folder_without_the_files_is_an_error(tmp_path: Path) -> None:
    options = parse_options(solver=f"unrolled:{tmp_path}")
    for load, name in ((load_key_frame_step, "unrolled"), (load_instant_step, "instants")):
        with pytest.raises(InputError, match=rf"{name}.safetensors: there is no such file"):
            load(options, torch.device("cpu"))


@pytest.mark.parametrize("value", WILD)
def test_a_prior_that_goes_wild(value: float) -> None:
    prior = FunctionPrior(lambda u, sigma: u + value)
    with pytest.raises(DeblurError, match=r"prior <lambda> gave back values that are not finite or beyond 10000"):
        prior(torch.zeros(1, 1, 4, 4), 0.1)
    with pytest.raises(DeblurError, match="gave back float, not a tensor"):
        FunctionPrior(lambda u, sigma: 0.5)(torch.zeros(1, 1, 4, 4), 0.1)


def test_a_prior_that_gives_back_something_else() -> None:
    frames = torch.zeros(1, 1, 4, 4)
    for other in (lambda u, sigma: u[..., 1:], lambda u, sigma: u + 0j):
        with pytest.raises(DeblurError, match=r"prior <lambda> gave back .*, not real values \(1, 1, 4, 4\)"):
            FunctionPrior(other)(frames, 0.1)
    assert FunctionPrior(lambda u, sigma: u.double())(frames, 0.1).dtype == torch.float32
