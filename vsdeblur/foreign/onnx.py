"""Models in ONNX, computed by onnxruntime.

The file is data: onnxruntime runs the standard's operations and no others, and reads weights from the model's own
folder alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.external import line, package

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_ERRORS = 3  # of onnxruntime's levels of severity: warnings about a stranger's graph are not for the user


class OnnxRun:
    """A session as a ``Run``: arrays go in by the order of the inputs, the first output comes back.

    Attributes:
        session: Of onnxruntime.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self._inputs = [(one.name, _TYPES[one.type]) for one in session.get_inputs()]
        self._output = session.get_outputs()[0].name

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """The first output, on the device of the inputs."""
        given = {
            name: tensor.cpu().numpy().astype(kind, copy=False)
            for (name, kind), tensor in zip(self._inputs, inputs, strict=True)
        }
        (found,) = self.session.run([self._output], given)
        return torch.from_numpy(np.array(found, np.float32)).to(inputs[0].device)


def load_onnx(path: Path, device: torch.device, argument: str) -> OnnxRun:
    """The model of a file.

    Args:
        path: Of the file.
        device: Where it runs.
        argument: That it was given to, for messages.

    Raises:
        DeblurError: onnxruntime is missing, the file is no model, or it takes what is no number with a fraction.
    """
    runtime = package(argument, "onnxruntime", "pip install vsdeblur[onnx]")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = _ERRORS
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        if not os.path.isfile(path):
            raise ValueError("it is no file")
        session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise DeblurError(f"{argument}: {path} is no ONNX model that onnxruntime takes: {line(error)}") from error
    for one in session.get_inputs():
        if one.type not in _TYPES:
            raise DeblurError(
                f"{argument}: {path} takes {one.type} for {one.name}: only numbers with a fraction are given"
            )
    return OnnxRun(session)


def refuse_count(run: object, wanted: int, argument: str, path: Path, why: str) -> None:
    """Raise DeblurError for a session with another number of inputs than ``wanted``, ``why`` in words."""
    if isinstance(run, OnnxRun) and len(run.session.get_inputs()) != wanted:
        count = len(run.session.get_inputs())
        raise DeblurError(f"{argument}: {path} has {count} inputs, and {why} there are {wanted}")
