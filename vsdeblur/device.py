"""The device that the work is done on, and how much of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from vsdeblur.errors import ArgumentError


def choose_device(name: str | None) -> torch.device:
    """The asked device, or the best there is. Raises ArgumentError for one that this machine lacks."""
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }[device.type]
    if not there:
        raise ArgumentError("device", name, "a device that this machine has (cpu always is)")
    return device


def total_memory(device: torch.device) -> int:
    """Bytes that the device has in all."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    import psutil

    return int(psutil.virtual_memory().total)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on the device, what torch keeps there for itself included; None where that is not known."""
    if device.type != "cuda":
        return None
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + kept)


@contextmanager
def torch_threads(count: int) -> Iterator[int]:
    """Torch on so many threads, here and in every thread that begins within; yields how many it has otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def single_thread() -> AbstractContextManager[int]:
    """Torch on one thread: for operations so small that sharing them takes longer, on a busy machine above all."""
    return torch_threads(1)


def network_dtype(device: torch.device) -> torch.dtype:
    """What networks that correct pictures compute in: bfloat16 on processors that multiply in it, else float32.

    There it takes two thirds of the time. Restored frames of the two kinds of processor differ by 2e-5 in the mean and
    5e-4 at most on a small scene at factor 2; the most that was seen, with preset best, is 6.5e-3.
    """
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.bfloat16 if device.type == "cpu" and native() else torch.float32


def trains_in_half(device: torch.device) -> bool:
    """Whether training computes in bfloat16: on CUDA, and on processors that multiply in it.

    Elsewhere it is emulated: a 3x3 convolution of 64 channels forth and back takes 3.5 times as long as in float32 on a
    processor with AVX2 alone. MPS has no autocast to it that every supported release of PyTorch knows.
    """
    return device.type == "cuda" or network_dtype(device) == torch.bfloat16


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """A network's function compiled by the backend of ``torch.compile`` that VSDEBLUR_COMPILE names; itself by default.

    Raises:
        ArgumentError: Where torch has no such backend.
    """
    backend = os.environ.get("VSDEBLUR_COMPILE")
    if not backend:
        return function
    if backend not in torch.compiler.list_backends(exclude_tags=()):  # those for debugging too
        usual = ", ".join(torch.compiler.list_backends())
        raise ArgumentError("VSDEBLUR_COMPILE", backend, f"a backend of torch.compile: {usual}")
    return torch.compile(function, backend=backend)
