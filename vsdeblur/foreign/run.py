"""A model that a user brings, whatever computes it: tensors in, one tensor out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.external import line
from vsdeblur.tensors import refuse_wild

Run = Callable[[Sequence[Tensor]], Tensor]


def load_run(path: Path, device: torch.device, argument: str) -> Run:
    """The model of a file: ONNX by the ending ``.onnx``, TorchScript by any other. Raises DeblurError."""
    if path.suffix.lower() == ".onnx":
        from vsdeblur.foreign.onnx import load_onnx

        return load_onnx(path, device, argument)
    from vsdeblur.foreign.torchscript import load_script

    return load_script(path, device, argument)


def answer(run: Run, inputs: Sequence[Tensor], who: str, largest: float) -> Tensor:
    """What a model gives back.

    Args:
        run: The model.
        inputs: Its inputs.
        who: The argument and the model, for messages.
        largest: Of its values that can be meant.

    Raises:
        DeblurError: It fails, or gives back what is no tensor, not finite or beyond ``largest``.
    """
    try:
        raw = run([one.contiguous() for one in inputs])
    except DeblurError:
        raise
    except Exception as error:  # whatever a stranger's model raises
        raise DeblurError(f"{who} failed: {line(error)}") from error
    refuse_wild(who, raw, largest)
    return raw


def shown(x: Tensor, values: tuple[float, float], colour: str, align: int) -> Tensor:
    """Pictures as a model takes them.

    Args:
        x: (N, 3, H, W), display values in [0, 1].
        values: For black and for white.
        colour: "rgb", "bgr", or "grey" for the mean of the three.
        align: H and W are padded to multiples of it, by their last row and column.

    Returns:
        (N, 3 or 1, h, w).
    """
    black, white = values
    x = F.pad(x, (0, -x.shape[-1] % align, 0, -x.shape[-2] % align), mode="replicate")
    x = x.mean(1, keepdim=True) if colour == "grey" else x.flip(1) if colour == "bgr" else x
    return x * (white - black) + black
