"""``prior="onnx:PATH"``: a video or image denoiser as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import torch

from vsdeblur.errors import DeblurError
from vsdeblur.foreign.onnx import OnnxRun, load_onnx
from vsdeblur.named import Named
from vsdeblur.priors.declaration import Declaration, declaration_beside
from vsdeblur.priors.declared import DeclaredPrior, declared
from vsdeblur.priors.trial import refuse_untrue


def load(named: Named, device: torch.device | None = None) -> DeclaredPrior:
    """The model at the path, with the declaration beside it.

    Raises:
        DeblurError: onnxruntime is missing, the file is no such model, or its declaration is wrong or untrue.
    """
    assert named.path is not None  # a part of the form
    path, place = named.path, device or torch.device("cpu")
    said, file = declaration_beside(path)
    run = load_onnx(path, place, "prior")
    _refuse_inputs(run, said, path, file)
    prior = declared(f"onnx:{path.name}", said, run)
    refuse_untrue(prior, str(file), place)
    return prior


def _refuse_inputs(run: OnnxRun, said: Declaration, path: Path, file: Path) -> None:
    inputs = run.session.get_inputs()
    wanted = 1 + (said.noise in ("map", "number"))
    if len(inputs) != wanted:
        raise DeblurError(
            f'prior: {path} has {len(inputs)} inputs, and with noise = "{said.noise}" in {file} there are {wanted}: '
            "map and number are a second input, channel and none are none"
        )
    shape = inputs[0].shape
    fixed = tuple(side for side in shape[-2:] if isinstance(side, int)) if len(shape) >= 4 else ()
    if len(fixed) == 2 and said.tile != fixed:
        raise DeblurError(
            f"prior: {path} takes frames {fixed[1]}x{fixed[0]} alone: write tile = {list(fixed)} in {file}"
        )
