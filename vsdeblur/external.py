"""Networks that users bring: their package, their checkpoint, and one line on what is wrong with either."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError

_TIMES, _BESIDES = 16, 1 << 26  # a checkpoint may hold the state of its training as well; bytes
_LARGEST = 1e6
_WITHIN = ("state_dict", "params_ema", "params")  # where checkpoints of training runs keep the state dict


def package(argument: str, name: str, install: str) -> Any:
    """The module ``name``. Raises DeblurError that says which ``argument`` needs it and how to ``install`` it."""
    try:
        with redirect_stdout(sys.stderr):  # some packages print; stdout may be carrying the video
            return import_module(name)
    except ImportError as error:
        raise DeblurError(
            f"{argument} needs the package {name.partition('.')[0]}: {install} ({line(error)})"
        ) from error


def with_weights(network: torch.nn.Module, path: str, argument: str) -> torch.nn.Module:
    """The network with the state dict of a .safetensors or a torch file, which is never allowed to run code.

    Raises DeblurError for a file that holds none for this network, or values that no training gives.
    """
    try:
        refuse_size(Path(path), network)
        network.load_state_dict(_state(path))
        refuse_values(network)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise DeblurError(f"{argument}: {path} is no checkpoint for this model: {line(error)}") from error
    return network


def refuse_size(path: Path, network: torch.nn.Module) -> None:
    """Raise ValueError for what is no file, and for a file that is larger than any weights of a network."""
    if os.path.exists(path) and not path.is_file():
        raise ValueError("it is no file")
    own = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    most = _TIMES * own + _BESIDES
    if os.path.exists(path) and path.stat().st_size > most:
        raise ValueError(f"it has {path.stat().st_size} bytes, and weights of this network at most {most}")


def refuse_values(network: torch.nn.Module) -> None:
    """Raise ValueError for weights that are not finite or far too large, as those of a training run that diverged."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool((tensor.abs() <= _LARGEST).all()):
            raise ValueError(f"{name} has values that are not finite or beyond {_LARGEST:g}")


def line(error: BaseException) -> str:
    """What an exception says, in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def _state(path: str) -> Mapping[str, Tensor]:
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    for name in _WITHIN:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError("it holds no state dict")
    return {key.removeprefix("module."): value for key, value in content.items()}  # DataParallel's own prefix
