"""Learned optical flow as a pairwise engine: any model of ptlflow, torchvision's RAFT.

No weights come with vsdeblur and none are fetched: each name carries the path of a checkpoint.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.external import line, package, with_weights
from vsdeblur.flow.motion import PairwiseFlow
from vsdeblur.named import Named

_RAFT_MIN_SIDE = (
    128  # pixels: RAFT's correlation pyramid halves an eighth of the picture four times and needs 2 pixels left
)
_MULTIPLE = 64  # the coarsest stride among ptlflow's models


def load_flow(named: Named, device: str | torch.device | None = None) -> PairwiseFlow:
    """The network behind a name.

    Args:
        named: of family "ptlflow" with a model, "raft" or "raft_small"; its checkpoint a state dict, .pt or
            .safetensors.
        device: where the network runs, None for the CPU.

    Raises:
        ArgumentError: ptlflow has no such model.
        DeblurError: A package is missing or the checkpoint does not fit.
    """
    if named.family == "ptlflow":
        network, run = _ptlflow(named.model), _run_ptlflow
    else:
        network, run = _torchvision(named.family), _run_torchvision
    network = with_weights(network, str(named.path), "flow")
    place = torch.device(device or "cpu")
    return _Network(network.to(place).eval(), run, place)


class _Network:
    """A flow network with its pictures padded to a size that it can take."""

    def __init__(self, network: torch.nn.Module, run: Callable[[Any, Tensor, Tensor], Tensor], device: torch.device):
        self.network, self.run, self.device = network, run, device

    @torch.inference_mode()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        height, width = a.shape[-2:]
        flow = self.run(self.network, self._prepare(a), self._prepare(b))
        return flow[0, :, :height, :width].to(a.device, torch.float32, copy=True)

    def _prepare(self, x: Tensor) -> Tensor:
        x = x.to(self.device, torch.float32).clamp(0, 1).expand(3, -1, -1)[None]
        bottom, right = (max(_RAFT_MIN_SIDE, -(-size // _MULTIPLE) * _MULTIPLE) - size for size in x.shape[-2:])
        return pad(x, (0, right, 0, bottom), mode="replicate")


def _run_ptlflow(network: Any, a: Tensor, b: Tensor) -> Tensor:
    images = torch.stack((a, b), 1).flip(2)  # (1, 2, 3, H, W), blue first
    flow: Tensor = network({"images": images})["flows"][:, 0]
    return flow


def _run_torchvision(network: Any, a: Tensor, b: Tensor) -> Tensor:
    flow: Tensor = network(a * 2 - 1, b * 2 - 1)[-1]
    return flow


def _ptlflow(model: str) -> torch.nn.Module:
    module = package("flow", "ptlflow", "pip install vsdeblur[flow]")
    names = module.get_model_names()
    if model not in names:
        raise ArgumentError("flow", f"ptlflow:{model}", "a model that ptlflow has: " + ", ".join(names))
    try:
        with redirect_stdout(sys.stderr):
            network: torch.nn.Module = module.get_model(model)
    except Exception as error:  # whatever the model's own code raises; some need compiled parts
        raise DeblurError(f"flow: ptlflow's model {model} cannot be built: {line(error)}") from error
    return network


def _torchvision(model: str) -> torch.nn.Module:
    module = package("flow", "torchvision.models.optical_flow", "pip install torchvision")
    build = module.raft_large if model == "raft" else module.raft_small
    network: torch.nn.Module = build(weights=None)
    return network
