"""``prior="onnx:PATH"``: a video or image denoiser as an ONNX file, computed by onnxruntime.

The file is data: onnxruntime runs the standard's operations and no others, and reads weights from the model's own
folder alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.external import line, package
from vsdeblur.named import Named
from vsdeblur.priors.declaration import Declaration, declaration_beside
from vsdeblur.priors.declared import DeclaredPrior, declared
from vsdeblur.priors.trial import refuse_untrue

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


def load(named: Named, device: torch.device | None = None) -> DeclaredPrior:
    """The model at the path, with the declaration beside it.

    Raises:
        DeblurError: onnxruntime is missing, the file is no such model, or its declaration is wrong or untrue.
    """
    assert named.path is not None  # a part of the form
    path, place = named.path, device or torch.device("cpu")
    said, file = declaration_beside(path)
    session = _session(path, place)
    _refuse_inputs(session, said, path, file)
    prior = declared(f"onnx:{path.name}", said, OnnxRun(session))
    refuse_untrue(prior, str(file), place)
    return prior


def _session(path: Path, device: torch.device) -> Any:
    runtime = package("prior", "onnxruntime", "pip install vsdeblur[onnx]")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = _ERRORS
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        if not path.is_file():
            raise ValueError("it is no file")
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise DeblurError(f"prior: {path} is no ONNX model that onnxruntime takes: {line(error)}") from error


def _refuse_inputs(session: Any, said: Declaration, path: Path, file: Path) -> None:
    inputs = session.get_inputs()
    wanted = 1 + (said.noise in ("map", "number"))
    if len(inputs) != wanted:
        raise DeblurError(
            f'prior: {path} has {len(inputs)} inputs, and with noise = "{said.noise}" in {file} there are {wanted}: '
            "map and number are a second input, channel and none are none"
        )
    for one in inputs:
        if one.type not in _TYPES:
            raise DeblurError(f"prior: {path} takes {one.type} for {one.name}: only numbers with a fraction are given")
    shape = inputs[0].shape
    fixed = tuple(side for side in shape[-2:] if isinstance(side, int)) if len(shape) >= 4 else ()
    if len(fixed) == 2 and said.tile != fixed:
        raise DeblurError(
            f"prior: {path} takes frames {fixed[1]}x{fixed[0]} alone: write tile = {list(fixed)} in {file}"
        )
