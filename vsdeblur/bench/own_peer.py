"""``bench --peer NAME=FILE.py:FUNCTION`` or ``NAME=MODEL``: any method that a user has, as a row of the table."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vsdeblur.bench.model_peer import model_row
from vsdeblur.bench.protocol import Frames, to_8bit
from vsdeblur.bench.rows import Method
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.external import line

WANTED = (
    "NAME=FILE.py:FUNCTION, a function of (blurry, factor, shutter) in a Python file that exists, or NAME=MODEL.onnx "
    "or NAME=MODEL.pt, a model that exists"
)
_MODELS = (".onnx", ".pt", ".pth", ".ts")


def own_peer(given: str, device: str | None = None) -> tuple[str, Method]:
    """The name and the row of a method of the user's own.

    The file is run, as ``python FILE.py`` would run it but for its main part. Its function gets the blurry frames
    (N, H, W, 3) float32 in [0, 1], RGB, the sub-frames per period, and the open part of the period, and gives back
    (N factor, H, W, 3) in the same unit: sub-frame k shows the instant (k + 1/2) / factor periods. A model has its
    declaration beside it (``vsdeblur.bench.model_peer``).

    Args:
        given: NAME=FILE.py:FUNCTION or NAME=MODEL.
        device: Where a model runs, None for the best there is.

    Raises:
        ArgumentError: ``given`` has another form, or there is no such file.
        DeblurError: The file fails, or has no such function; or the model or its declaration is wrong.
    """
    name, equals, rest = given.partition("=")
    if name and Path(rest).suffix.lower() in _MODELS and os.path.isfile(rest):
        return name, model_row(name, Path(rest), device)
    file, colon, wanted = rest.rpartition(":")
    if not (name and equals and colon and wanted.isidentifier()) or not os.path.isfile(file):
        raise ArgumentError("peer", given, WANTED)
    try:
        function = runpy.run_path(file).get(wanted)
    except Exception as error:  # whatever the user's file raises
        raise DeblurError(f"peer {name}: {file} cannot be run: {line(error)}") from error
    if not callable(function):
        raise DeblurError(f"peer {name}: {file} has no function {wanted}")
    return name, row_of(name, function)


def row_of(name: str, function: Callable[..., Any]) -> Method:
    """The row of a function; what it gives back is checked."""

    def restored(blurry: Frames, factor: int, m: int) -> Frames:
        try:
            found = np.asarray(function(blurry.astype(np.float32) / 255, factor, m / factor), np.float32)
        except Exception as error:  # whatever a stranger's method raises
            raise DeblurError(f"peer {name} failed: {line(error)}") from error
        shape = (len(blurry) * factor, *blurry.shape[1:])
        if found.shape != shape:
            raise DeblurError(f"peer {name} gave back {found.shape}, not {shape}")
        if not np.isfinite(found).all():
            raise DeblurError(f"peer {name} gave back values that are not finite")
        return to_8bit(found)

    return restored
