"""Checks of input frames, and small tensor helpers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import ArgumentError, DeblurError

MIN_FRAME_SIDE = 16  # pixels
BLOCK = 1 << 15  # elements that torch gives to one thread at least


def as_frames(v: Any, name: str = "v") -> Tensor:
    """Frames from a caller, checked.

    Args:
        v: Float tensor or array (N, C, H, W) with C 1 or 3, H and W at least ``MIN_FRAME_SIDE``, all values finite.
        name: Of the argument, for errors.

    Returns:
        ``v`` detached, or a copy of an array as a tensor; type and device stay.

    Raises:
        ArgumentError: Another type, shape or layout.
        DeblurError: Values that are not finite.
    """
    wanted = "a float tensor or array (N, C, H, W) with C 1 or 3"
    if isinstance(v, Tensor):
        tensor = v.detach()
    elif hasattr(v, "__array__"):
        import numpy as np

        try:
            tensor = torch.from_numpy(np.array(v, order="C"))
        except (TypeError, ValueError):
            raise ArgumentError(name, f"an array of {getattr(v, 'dtype', type(v))}", wanted) from None
    else:
        raise ArgumentError(name, type(v), wanted)
    if tensor.is_meta or tensor.layout != torch.strided:
        raise ArgumentError(name, f"{tensor.layout} on {tensor.device}", wanted)
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3) or not tensor.is_floating_point():
        raise ArgumentError(name, f"{tuple(tensor.shape)} {tensor.dtype}", wanted)
    if 0 in tensor.shape:
        raise ArgumentError(name, tuple(tensor.shape), "a clip with at least one frame and one pixel")
    if min(tensor.shape[-2:]) < MIN_FRAME_SIDE:
        raise ArgumentError(name, tuple(tensor.shape), f"at least {MIN_FRAME_SIDE}x{MIN_FRAME_SIDE} pixels")
    if not torch.isfinite(tensor).all():
        raise DeblurError(f"{name} has values that are not finite (NaN or infinity): replace them first")
    return tensor


def refuse_wild(what: str, values: Any, largest: float) -> None:
    """Raise DeblurError where what a user's function gave back is no tensor, not finite, or beyond ``largest``.

    values: A tensor, or a list of what several calls gave back.
    """
    several = values if isinstance(values, list) else [values]
    for one in several:
        if not isinstance(one, Tensor):
            raise DeblurError(f"{what} gave back {type(one).__name__}, not a tensor")
    if several and not bool(torch.stack([(one.abs() <= largest).all() for one in several]).all()):
        raise DeblurError(f"{what} gave back values that are not finite or beyond {largest:g}")


def constants(like: Tensor, values: Sequence[float]) -> Tensor:
    """Known numbers as a tensor (len(values),) of the type and device of ``like``.

    On an accelerator they are written there one by one: a copy from the host would wait for all that is under way.
    """
    if like.device.type == "cpu":
        return like.new_tensor(values)
    return torch.stack([like.new_full((), value) for value in values])


def known_zero(x: Tensor) -> bool:
    """Whether x is seen to be 0 everywhere; on an accelerator no one looks, since reading waits for all before it."""
    return x.device.type == "cpu" and not bool(x.any())


def exact_sum(x: Tensor) -> float:
    """The sum of x, of which the host adds the rows in float64: accelerators are slow at that, or lack it."""
    return float(x.sum(-1).cpu().double().sum())


def blocks(flat: Tensor) -> tuple[Tensor, ...]:
    """Views of a tensor (N,), in which elementwise functions give the same for any number of threads.

    Torch shares the elements evenly, from BLOCK for each thread on, and computes what a thread has beyond whole vectors
    by other functions: powers and sigmoids differ in the last bit. Here each thread has a whole block, and temporaries
    stay in the cache.
    """
    if flat.device.type != "cpu":
        return (flat,)
    whole = flat.numel() - flat.numel() % BLOCK
    shared, rest = flat[:whole].split(BLOCK * torch.get_num_threads()), flat[whole:]
    return (*shared, rest) if whole else (rest,)


def power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent, the same for any number of threads; x may be overwritten."""
    x = x.contiguous()
    for block in blocks(x.view(-1)):
        block.pow_(exponent)
    return x


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """3 s^2 - 2 s^3 with s = (x - low) / (high - low), s limited to [0, 1]; it falls where ``high`` < ``low``.

    Args:
        x: Of any shape.
        low: Where the result is 0.
        high: Where the result is 1; not ``low``.

    Returns:
        A tensor like x.
    """
    x = ((x - low) / (high - low)).clamp_(0, 1)
    return x * x * (3 - 2 * x)


def greatest(x: Tensor, size: int) -> Tensor:
    """The largest value around each pixel (dilation).

    Args:
        x: (B, C, h, w).
        size: Of the square that is looked at, pixels, odd.

    Returns:
        (B, C, h, w).
    """
    x = F.pad(x, (size // 2,) * 4, value=-math.inf)
    for axis in (2, 3):
        span = 1
        while span < size:  # two spans make one of up to twice their length: a thirtieth of the time of max_pool2d
            apart = min(span, size - span)
            count = x.shape[axis] - apart
            x = torch.maximum(x.narrow(axis, 0, count), x.narrow(axis, apart, count))
            span += apart
    return x


def box(x: Tensor, size: int) -> Tensor:
    """The mean around each pixel, edge pixels repeated beyond the picture.

    Args:
        x: (B, C, h, w).
        size: Of the square that is averaged, pixels, odd.

    Returns:
        (B, C, h, w).
    """
    wide = F.pad(x, (size // 2,) * 4, mode="replicate")
    return _span_sums(_span_sums(wide, 2, size), 3, size) / (size * size)


def _span_sums(x: Tensor, axis: int, size: int) -> Tensor:
    """The sums of ``size`` neighbours along an axis, which is shorter by size - 1 then.

    Spans of 1, 2, 4, ... are made of two half as long, and those that make up ``size`` are added: a tenth of the
    time of avg_pool2d.
    """
    count = x.shape[axis] - size + 1
    sums, length, covered = x, 1, 0
    found: Tensor | None = None
    while True:
        if size & length:
            part = sums.narrow(axis, covered, count)
            found = part if found is None else found + part
            covered += length
        if 2 * length > size:
            return cast("Tensor", found)
        apart = sums.shape[axis] - length
        sums = sums.narrow(axis, 0, apart) + sums.narrow(axis, length, apart)
        length *= 2
