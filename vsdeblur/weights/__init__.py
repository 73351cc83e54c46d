"""The project's own weights, each with a model card beside it, checked against its SHA-256 before it is used."""

from __future__ import annotations

import hashlib
import os
from importlib import resources
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as _parse
from torch import Tensor, nn

from vsdeblur.errors import DeblurError, InputError
from vsdeblur.external import refuse_size, refuse_values

SHA256 = {
    "bridge": "9416cf0cc037722ec0cff7ee8875eddeed4ec737e6cffe9a41b21cde1f8b1e1f",
    "denoiser": "0b36346bfb8a6fa4ba432b8646a3da782f1fcc33d65c740fcbe4dd9d0a16c03d",
    "diffusion": "e15b6ec3470b8eb2d61a6d8888a421032b516fbdcb5b210972533866d02e4e59",
    "instants": "24b649ff2f3c7aa049c794a6cd428ce4e2550ea40a724a42e17ee81ed58cd31b",
    "kernel-prior": "5fe99d14b38538f56aaff0dadbb62371ec05cce0c69784d7ea45e9e5cc6a1cd5",
    "kernels": "640e2224f050dbbb14a6f70f0752fe6cc203974b60032afb91fea357960adab7",
    "local": "793e5844566f7a5ccaa314baca1529e503e7adc2c76a662cead6d445dce8cf42",
    "motion": "316a189f140b8efc9cfca7b18899c143a93ac95dc30cab7bd7bcee7530ab7439",
    "paths": "593202214cc3dc06a4bf79ec618f12e09adf6e993cac1e85fa00a4e7f6aaeb0c",
    "restoration": "df230151511374169506c350debe47140e23ac0eb036ac55cf601a6c524526f3",
    "shutter": "3a89c1198317e715791c836d527cee8bfc588c12faca2010ede65018f1187ae7",
    "unrolled": "d7c36693d3c741f3af4f7a4a7a3cd0bdd7f9b9a3f2db101ef73cfcb8a0bbc33d",
}


def available(name: str) -> bool:
    """Whether the weights are part of this installation."""
    return resources.files(__name__).joinpath(f"{name}.safetensors").is_file()


def load(name: str) -> dict[str, Tensor]:
    """The tensors of weights ``name``. Raises DeblurError where they are missing or not those that were released."""
    file = resources.files(__name__).joinpath(f"{name}.safetensors")
    if not file.is_file():
        raise DeblurError(
            f"{name}.safetensors is missing from this installation: install vsdeblur from its wheel, or train the "
            f"weights with vsdeblur train {name}"
        )
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise DeblurError(f"{name}.safetensors is not the released file (its SHA-256 differs): install vsdeblur again")
    return _parse(data)


def within(path: Path, name: str) -> Path:
    """The file of weights ``name`` in a folder that ``vsdeblur train`` wrote to; a file is its own."""
    return path / f"{name}.safetensors" if os.path.isdir(path) else path


def fill(network: nn.Module, name: str, path: Path | None = None) -> None:
    """Give ``network`` the project's weights ``name``, or those of a file that ``vsdeblur train NAME`` wrote.

    path: also the folder that it wrote to. Raises DeblurError where the project's are missing or damaged, InputError
    for a file that holds no such weights, or values that no training gives.
    """
    if path is None:
        network.load_state_dict(load(name))
        return
    path = within(path, name)
    if not os.path.exists(path):
        raise InputError(f"{path}: there is no such file")
    try:
        refuse_size(path, network)
        network.load_state_dict(_parse(path.read_bytes()))
        refuse_values(network)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise InputError(f"{path}: not weights of vsdeblur train {name} ({why})") from None
