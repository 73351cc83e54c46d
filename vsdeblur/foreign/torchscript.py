"""Models that ``torch.jit`` saved.

Such a file holds code, of a language of torch's own that knows tensors and nothing of Python. What it can do beside
computing is to open files by ``torch.save`` and ``torch.from_file``, to call operations that other packages
registered, and objects of torch's own classes; the code is read before it is loaded, and refused where it does.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.external import line

_MOST_CODE = 1 << 26  # bytes
# What the language can name beside tensors: files, other packages' operations, torch's classes of processes and such.
_REFUSED = {
    re.compile(rb"\b(from_file|save)\s*\("): "opens files",
    re.compile(rb"\bops\s*\.\s*(?!(aten|prim|prims|quantized|torchvision|mkldnn_prepacked|onednn)\b)\w+"): (
        "calls operations that are not torch's"
    ),
    re.compile(rb"\btorch\s*\.\s*classes\s*\.\s*(?!quantized\b)\w+"): "uses classes that are no part of a network",
    re.compile(rb"\brpc_(async|sync|remote)\b"): "calls other machines",
}


class ScriptRun:
    """A loaded module as a ``Run``.

    The executor that learns from earlier calls is turned off: a result must not depend on what was computed before.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    @torch.no_grad()
    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """What the module gives back; of several things the first."""
        with torch.jit.optimized_execution(False):
            found = self.module(*inputs)
        first: Tensor = found[0] if isinstance(found, tuple | list) and len(found) else found
        return first.float() if isinstance(first, Tensor) else first


def load_script(path: Path, device: torch.device, argument: str) -> ScriptRun:
    """The model of a file. path, device, argument: as of ``load_onnx``.

    Raises:
        DeblurError: The file is no such model, or its code does more than compute.
    """
    refuse_code(path, argument)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that torch.jit is deprecated is no matter of the user's
            module = torch.jit.load(str(path), map_location=device).eval()
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise DeblurError(f"{argument}: {path} is no TorchScript model that torch takes: {line(error)}") from error
    return ScriptRun(module)


def refuse_code(path: Path, argument: str) -> None:
    """Raise DeblurError for a file that is no archive of TorchScript, or whose code does more than compute."""
    try:
        with zipfile.ZipFile(path) as archive:
            code = [one for one in archive.infolist() if "/code/" in one.filename and one.filename.endswith(".py")]
            if not code:
                raise ValueError("it holds no code; a state dict alone does not say what is computed")
            if sum(one.file_size for one in code) > _MOST_CODE:
                raise ValueError(f"its code is longer than {_MOST_CODE} bytes")
            text = b"\n".join(archive.read(one) for one in code)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DeblurError(f"{argument}: {path} is no TorchScript model: {line(error)}") from error
    for pattern, what in _REFUSED.items():
        if match := pattern.search(text):
            raise DeblurError(
                f"{argument}: {path} {what} ({match[0].decode(errors='replace')}), which no network needs"
            )
