"""Kernels in Triton in place of torch's samplings along paths, on CUDA: off until a GPU has measured them.

VSDEBLUR_TRITON=1 turns them on. With TRITON_INTERPRET=1 besides, Triton's interpreter runs them on the processor: that
is how they are tested.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger("vsdeblur")


@cache
def asked() -> bool:
    """Whether VSDEBLUR_TRITON=1 asks for the kernels, and Triton is there."""
    if os.environ.get("VSDEBLUR_TRITON", "0") != "1":
        return False
    if find_spec("triton") is None:
        log.warning("VSDEBLUR_TRITON=1: there is no triton in this installation; torch samples along paths")
        return False
    return True


def takes(*tensors: Tensor) -> bool:
    """Whether the kernels are asked for and take these tensors: float32 on CUDA, without a gradient to be tracked."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return asked() and all(
        x.dtype == torch.float32
        and (x.device.type == "cuda" or interpreted)
        and not (x.requires_grad and torch.is_grad_enabled())
        for x in tensors
    )


def mean_along(image: Tensor, fields: Tensor, taus: Tensor, sign: int, scale: float) -> Tensor:
    """The mean of linear samplings of one picture along a path.

    Args:
        image: (1, C, h, w), h and w at least 2.
        fields: (1, 4 or 6, H, W), as ``Motion.path``, pixels of the path.
        taus: Instants, periods, on the same device.
        sign: Of the displacement.
        scale: Points of the image per pixel of the path.

    Returns:
        (1, C, H, W).
    """
    from vsdeblur.native.triton_kernels import mean_kernel

    out = image.new_empty(*image.shape[:2], *fields.shape[2:])
    _run(mean_kernel, image.contiguous(), out, image, fields, taus, sign, scale)
    return out


def spread_along(y: Tensor, fields: Tensor, taus: Tensor, sign: int, scale: float, onto: Tensor) -> None:
    """The transpose of the sum of these samplings: y (1, C, H, W), added to ``onto`` (1, C, h, w), contiguous."""
    from vsdeblur.native.triton_kernels import spread_kernel

    _run(spread_kernel, y.contiguous(), onto, onto, fields, taus, sign, scale)


def _run(
    kernel: Any, read: Tensor, written: Tensor, points: Tensor, fields: Tensor, taus: Tensor, sign: int, scale: float
) -> None:
    """Run a kernel on what it reads and writes, ``points`` being that of the two which lies along no path."""
    from vsdeblur.native.triton_kernels import BLOCK

    channels, height, width = points.shape[1:]
    rows, row = fields.shape[2:]
    kernel[-(-rows * row // BLOCK), channels](
        read,
        fields.contiguous(),
        taus,
        written,
        rows * row,
        row,
        height,
        width,
        len(taus),
        float(sign),
        float(scale),
        PAIRS=fields.shape[1] // 2,
        SIZE=BLOCK,
    )
