"""A model that a user brings, whatever computes it: tensors in, one tensor out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

Run = Callable[[Sequence[Tensor]], Tensor]


def load_run(path: Path, device: torch.device, argument: str) -> Run:
    """The model of a file: ONNX by the ending ``.onnx``, TorchScript by any other. Raises DeblurError."""
    if path.suffix.lower() == ".onnx":
        from vsdeblur.foreign.onnx import load_onnx

        return load_onnx(path, device, argument)
    from vsdeblur.foreign.torchscript import load_script

    return load_script(path, device, argument)
