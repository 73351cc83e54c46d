"""Learned flow by name: what networks are handed, whose weights they get, and what is said when one is missing."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.bend import BentMotion
from vsdeblur.flow.models import load_flow
from vsdeblur.flow.motion import PairwiseFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.registry import FORMS, WANTED
from vsdeblur.named import resolve_named


class Shifter(torch.nn.Module):
    """Answers with its one weight as the flow, and keeps what it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(2))
        self.seen: list[Tensor] = []
        self.grad_on: list[bool] = []

    def forward(self, *inputs: Any) -> Any:
        self.grad_on.append(torch.is_grad_enabled())
        if isinstance(inputs[0], dict):
            images = inputs[0]["images"]
            self.seen.append(images)
            return {"flows": self.shift[None, None, :, None, None].expand(1, 1, 2, *images.shape[-2:])}
        self.seen.extend(inputs)
        field = self.shift[None, :, None, None].expand(1, 2, *inputs[0].shape[-2:])
        return [field * 0, field]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Shifter:
    made = Shifter()
    ptlflow: Any = ModuleType("ptlflow")
    ptlflow.get_model_names = lambda: ["tiny", "broken"]

    def get_model(name: str) -> Shifter:
        sys.stdout.write("a model that talks")
        if name == "broken":
            raise RuntimeError("needs a compiled part")
        return made

    ptlflow.get_model = get_model
    torchvision: Any = ModuleType("torchvision.models.optical_flow")
    torchvision.raft_large = torchvision.raft_small = lambda weights: made
    for module in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    monkeypatch.setitem(sys.modules, "ptlflow", ptlflow)
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", torchvision)
    return made


def load(name: Any) -> PairwiseFlow:
    return load_flow(resolve_named("flow", name, FORMS, WANTED))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pt"
    torch.save({"shift": torch.tensor([3.0, -2.0])}, path)
    return path


def constant(flow: Tensor, height: int, width: int) -> bool:
    return torch.equal(flow, torch.tensor([3.0, -2.0])[:, None, None].expand(2, height, width))


@pytest.mark.parametrize("name", ["ptlflow:tiny", "raft", "raft_small"])
@pytest.mark.parametrize("size", [(1, 16, 16), (3, 17, 301), (3, 128, 192)])
def test_pictures_of_any_size_get_the_flow_of_the_given_weights(
    network: Shifter, weights: Path, name: str, size: tuple[int, int, int]
) -> None:
    flow = load(f"{name}:{weights}")(torch.rand(size), torch.rand(size))
    assert constant(flow, *size[1:])
    assert flow.dtype == torch.float32
    assert not network.training
    assert network.grad_on == [False]
    assert all(x % 64 == 0 and x >= 128 for seen in network.seen for x in seen.shape[-2:])


def test_ptlflow_sees_blue_first_in_unit_range(network: Shifter, weights: Path) -> None:
    a, b = torch.rand(3, 128, 128), torch.rand(3, 128, 128)
    load(f"ptlflow:tiny:{weights}")(a, b * 1.5)
    (images,) = network.seen
    assert torch.equal(images, torch.stack((a.flip(0), (b * 1.5).clamp(max=1).flip(0)))[None])


def test_torchvision_sees_red_first_from_minus_one(network: Shifter, weights: Path) -> None:
    a, b = torch.rand(3, 128, 128), torch.rand(3, 128, 128)
    load(f"raft:{weights}")(a, b)
    assert torch.equal(network.seen[0], a[None] * 2 - 1)
    assert torch.equal(network.seen[1], b[None] * 2 - 1)


def test_gray_is_given_as_three_equal_channels(network: Shifter, weights: Path) -> None:
    a = torch.rand(1, 128, 128)
    load(f"ptlflow:tiny:{weights}")(a, a)
    assert torch.equal(network.seen[0][0, 0], a.expand(3, -1, -1))


def test_nothing_is_printed_on_stdout(network: Shifter, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(f"ptlflow:tiny:{weights}")
    assert capsys.readouterr().out == ""


def test_other_kinds_of_checkpoint_are_read(network: Shifter, tmp_path: Path) -> None:
    state = {"shift": torch.tensor([3.0, -2.0])}
    torch.save({"state_dict": state, "hyper_parameters": {"lr": 1}}, tmp_path / "lightning.ckpt")
    save_file(state, tmp_path / "weights.safetensors")
    for name in ("lightning.ckpt", "weights.safetensors"):
        network.shift.data.zero_()
        assert constant(load(f"ptlflow:tiny:{tmp_path / name}")(torch.rand(3, 16, 16), torch.rand(3, 16, 16)), 16, 16)


class Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path(__file__).with_name("bomb-went-off"),)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_broken_checkpoint_is_a_line(network: Shifter, tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(DeblurError, match="is no checkpoint for this model") as caught:
        load(f"ptlflow:tiny:{path}")
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_checkpoint_never_runs_code(network: Shifter, tmp_path: Path) -> None:
    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Bomb()))
    torch.save({"shift": Bomb()}, tmp_path / "zip.pt")
    for name in ("bomb.pt", "zip.pt"):
        with pytest.raises(DeblurError, match="is no checkpoint"):
            load(f"ptlflow:tiny:{tmp_path / name}")
    assert not Path(__file__).with_name("bomb-went-off").exists()


@pytest.mark.parametrize(
    "content", [{"shift": torch.zeros(3)}, {"other": torch.zeros(2)}, torch.zeros(2), {"shift": 1}]
)
def test_the_checkpoint_of_another_model_is_a_line(network: Shifter, tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(DeblurError, match="is no checkpoint for this model") as caught:
        load(f"ptlflow:tiny:{tmp_path / 'other.pt'}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["", "dis2", "raft", "raft:", "raft_small", "ptlflow", "ptlflow:", "ptlflow:tiny", "ptlflow:tiny:", "ptlflow::x"],
)
def test_names_that_mean_nothing_or_carry_no_weights_are_refused(network: Shifter, name: str) -> None:
    with pytest.raises(ArgumentError, match=r"flow must be .*ptlflow:MODEL:CHECKPOINT.*callable"):
        load(name)


@pytest.mark.parametrize("value", [None, 3, 1.5, [], torch.zeros(2)])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="flow must be"):
        load(value)


def test_an_unknown_model_is_answered_with_those_that_there_are(network: Shifter, weights: Path) -> None:
    with pytest.raises(ArgumentError, match="tiny, broken"):
        load(f"ptlflow:nope:{weights}")


def test_a_model_that_cannot_be_built_is_a_line(network: Shifter, weights: Path) -> None:
    with pytest.raises(DeblurError, match="broken cannot be built: needs a compiled part"):
        load(f"ptlflow:broken:{weights}")


def test_a_missing_file_is_refused_before_anything_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ptlflow", None)
    with pytest.raises(ArgumentError, match="checkpoint file that exists"):
        load(f"ptlflow:tiny:{tmp_path / 'none.pt'}")


@pytest.mark.parametrize(
    ("module", "name", "install"),
    [
        ("ptlflow", "ptlflow:tiny", r"pip install vsdeblur\[flow\]"),
        ("torchvision.models.optical_flow", "raft", "pip install torchvision"),
        ("torchvision", "raft_small", "pip install torchvision"),
    ],
)
def test_a_missing_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, weights: Path, module: str, name: str, install: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DeblurError, match=install):
        load(f"{name}:{weights}")


def test_a_callable_is_taken_as_it_is() -> None:
    def still(a: Tensor, b: Tensor) -> Tensor:
        return a.new_zeros(2, *a.shape[-2:])

    engine = find_motion_engine(still)
    assert isinstance(engine, BentMotion)
    assert isinstance(engine.first, PairwiseMotion)
    assert engine.first.flows.flow is still
