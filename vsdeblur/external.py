"""Networks that users bring: their package, their checkpoint, and one line on what is wrong with either."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError


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

    Raises DeblurError for a file that holds none for this network.
    """
    try:
        network.load_state_dict(_state(path))
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise DeblurError(f"{argument}: {path} is no checkpoint for this model: {line(error)}") from error
    return network


def line(error: BaseException) -> str:
    """What an exception says, in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def _state(path: str) -> Mapping[str, Tensor]:
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError("it holds no state dict")
    return {key.removeprefix("module."): value for key, value in content.items()}  # DataParallel's own prefix
