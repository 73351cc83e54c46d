"""The simulated device refuses and counts what a real one does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.support.cuda import Simulated, simulated


def test_devices_do_not_mix() -> None:
    with simulated() as device:
        there = torch.ones(3).to("cuda")
        assert there.device == device.device
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="same device"):
            torch.cat((torch.ones(3), there))
        assert (there + torch.tensor(1.0)).device == device.device, "a number of the host is a number"


def test_values_are_not_read_by_numpy() -> None:
    with simulated():
        there = torch.ones(3, device="cuda")
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        assert there.cpu().numpy().sum() == 3


def test_reading_is_a_wait_and_moving_a_copy() -> None:
    def read(x: torch.Tensor) -> Any:
        return [float(x.sum()), x.tolist(), bool(x.any()), x[x > 0], x.nonzero(), torch.unique(x)]

    def move(x: torch.Tensor) -> Any:
        return [x.new_tensor([1.0]), x[[0, 2]], x[torch.tensor([0])], torch.tensor([1.0], device=x.device)]

    def stay(x: torch.Tensor) -> Any:
        return [x.new_zeros(2), x[:2], x.sum(), torch.arange(3, device=x.device), x.to(torch.float16), x.to("cuda")]

    for call, syncs, copies in ((read, 6, 0), (move, 0, 4), (stay, 0, 0), (torch.Tensor.cpu, 1, 1)):
        with simulated() as device:
            there = torch.ones(3).to(device.device)
            assert device.copies.total() == 1
            call(there)
            assert (device.syncs.total(), device.copies.total()) == (syncs, 1 + copies)


def test_float64_is_counted_and_refused_on_mps() -> None:
    with simulated() as device:
        torch.ones(3, device="cuda").double()
        assert device.doubles.total() == 1
    with simulated("mps"), pytest.raises(TypeError, match="float64"):
        torch.ones(3, device="mps").double()


def test_networks_move_there_and_learn() -> None:
    with simulated():
        network = nn.Linear(3, 1).to("cuda")
        assert all(isinstance(p, Simulated) and isinstance(p, nn.Parameter) for p in network.parameters())
        network(torch.ones(2, 3, device="cuda")).sum().backward()
        assert isinstance(network.weight.grad, Simulated)
        assert network.weight.grad.sum() == 6
    assert type(torch.ones(1).to("cpu", torch.float64)) is torch.Tensor
