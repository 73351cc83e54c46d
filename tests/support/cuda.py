"""A simulated accelerator: tensors that say they are on it, hold CPU data, and count what a real one would wait for.

    with simulated() as device:
        restore(v, device="cuda:0")
    device.syncs, device.copies, device.doubles     # Counter of "file:line operation"

Seen are: tensors of both devices in one operation (refused, as on CUDA), reading values (``item``, ``tolist``, ``if``,
boolean indices, ...), copies between host and device, ``numpy()`` of a device tensor (refused), and float64, which MPS
lacks (refused there). Not seen are: kernels that do not exist, their speed and rounding, memory, and what an operation
does inside (libraries that wait for themselves).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

import vsdeblur

_PACKAGE = vsdeblur.__path__[0]
_READS = {
    *("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__contains__", "__complex__"),
    *("nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "is_nonzero", "equal", "allclose"),
    # they look whether a factorisation failed
    *("linalg_solve", "linalg_inv", "linalg_cholesky", "linalg_eigh", "linalg_eigvalsh", "linalg_svd", "linalg_lstsq"),
}
_CROSSING = {"copy_", "__getitem__", "__setitem__", "__set__", "_has_compatible_shallow_copy_type"}
_FACTORIES = (
    *("zeros", "ones", "empty", "full", "arange", "linspace", "eye", "rand", "randn", "randint", "randperm"),
    *("tensor", "as_tensor", "hann_window"),
)
_FROM_HOST = {"tensor", "as_tensor", "new_tensor"}


class Simulated(Tensor):
    """A tensor on the device."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return _machine[-1].device

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _machine[-1].run(func, args, kwargs or {})


class Accelerator:
    """The device and its counts, each by "file:line operation".

    Attributes:
        device: cuda:0 or mps:0.
        syncs: Of the host, which waits for values; copies to the host are among them.
        copies: Between host and device, either way.
        doubles: Results in float64.
        stream: The one that is used beside the default one, None where none is.
    """

    def __init__(self, kind: str) -> None:
        self.device = torch.device(kind, 0)
        self.stream: Stream | None = None
        self.syncs, self.copies, self.doubles = Counter[str](), Counter[str](), Counter[str]()

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operation of which some tensor is on the device."""
        name = getattr(func, "__name__", str(func))
        if name in ("numpy", "__array__"):
            raise TypeError(f"can't convert {self.device} device type tensor to numpy.")
        if name == "__deepcopy__":
            return self.put(_plain(args[0]).__deepcopy__(*args[1:])).requires_grad_(args[0].requires_grad)
        if name == "cpu":
            return self.fetched(args[0])
        if name in ("__getitem__", "__setitem__"):
            args = (args[0], self._indexed(args[1]), *args[2:])
        given = list(_tensors((*args, *kwargs.values())))
        host = [x for x in given if not isinstance(x, Simulated) and x.ndim]
        if host and name not in _CROSSING:
            raise RuntimeError(f"Expected all tensors to be on the same device, but got {name} of both at {_line()}")
        if name == "copy_" and host and kwargs.get("non_blocking") and not isinstance(args[0], Simulated):
            return self.streamed(args[0], args[1])
        if (host and name in ("copy_", "__setitem__")) or name == "new_tensor":
            self.copies[_line(name)] += 1
            if not isinstance(args[0], Simulated):
                self.syncs[_line(name)] += 1
        if name in _READS or (name == "where" and len(args) == 1) or (name == "repeat_interleave" and len(given) > 1):
            self.syncs[_line(name)] += 1
        place = kwargs.pop("device", None)
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **kwargs)
            stays = place is not None and torch.device(place).type == "cpu"
            return found if stays else self._put_results(found, {id(x) for x in given})

    def streamed(self, target: Tensor, x: Tensor) -> Tensor:
        """A copy to the host on a stream: it is there once an event that was recorded later has been waited for."""
        assert self.stream is not None
        assert self.stream.behind, "the copy may begin before its source is computed"
        self.copies[_line("copy_")] += 1
        target.fill_(float("nan"))
        self.stream.under_way.append((target, _plain(x).clone()))
        return target

    def put(self, x: Tensor) -> Tensor:
        """A tensor of the host as one of the device."""
        if x.dtype == torch.float64:
            if self.device.type == "mps":
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it.")
            self.doubles[_line()] += 1
        return x.as_subclass(Simulated)

    def fetched(self, x: Tensor) -> Tensor:
        """A copy on the host."""
        self.copies[_line("cpu")] += 1
        self.syncs[_line("cpu")] += 1
        return _plain(x).clone()

    def moved(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """``Tensor.to``."""
        place = kwargs.pop("device", None)
        for arg in args:
            if isinstance(arg, (str, torch.device)):
                place = arg
            elif isinstance(arg, Tensor):
                place, kwargs["dtype"] = arg.device, arg.dtype
            elif isinstance(arg, torch.dtype):
                kwargs["dtype"] = arg
        from_device = isinstance(x, Simulated)
        to_device = from_device if place is None else torch.device(place).type == self.device.type
        with torch._C.DisableTorchFunctionSubclass():
            found = _original_to(x, **kwargs)
            if from_device and not to_device:
                return self.fetched(found)
            if not to_device:
                return found
            if not from_device:
                self.copies[_line("to")] += 1
                found = found.clone() if found is x else found
            return found if isinstance(found, Simulated) else self.put(found)

    def _indexed(self, index: Any) -> Any:
        """The index, its lists and host tensors counted as copies, its masks as waits."""
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, Simulated):
                if part.dtype in (torch.bool, torch.uint8):
                    self.syncs[_line("mask")] += 1
            elif isinstance(part, (list, tuple, np.ndarray)) or (isinstance(part, Tensor) and part.ndim):
                self.copies[_line("index")] += 1
        return index

    def _put_results(self, found: Any, given: set[int]) -> Any:
        if isinstance(found, Tensor):
            return found if id(found) in given or isinstance(found, Simulated) else self.put(found)
        if isinstance(found, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in found):
            items = [self._put_results(x, given) for x in found]
            return type(found)(*items) if hasattr(found, "_fields") else type(found)(items)
        return found


class Stream:
    """A stream beside the default one, and the event that is recorded on it.

    Attributes:
        behind: Whether it waits for what the default one has queued.
        under_way: Copies to the host that have not been waited for.
    """

    def __init__(self, device: torch.device) -> None:
        self.behind, self.under_way = False, list[tuple[Tensor, Tensor]]()

    def wait_stream(self, other: object) -> None:
        """What is queued here from now on comes after what is queued there."""
        self.behind = True

    def record_event(self) -> Stream:
        """An event, which is complete once all that is under way is."""
        self.behind = False
        return self

    def synchronize(self) -> None:
        """Wait for the event."""
        _machine[-1].syncs[_line("synchronize")] += 1
        while self.under_way:
            target, values = self.under_way.pop()
            target.copy_(values)

    @staticmethod
    @contextmanager
    def used(stream: Stream) -> Iterator[None]:
        """Work is queued on a stream."""
        _machine[-1].stream = stream
        yield
        _machine[-1].stream = None


@contextmanager
def simulated(kind: str = "cuda") -> Iterator[Accelerator]:
    """A machine with one accelerator. kind: "cuda" or "mps"."""
    here, free = Accelerator(kind), 2**33
    stubs: dict[str, Any] = {
        "torch.cuda.is_available": lambda: kind == "cuda",
        "torch.cuda.device_count": lambda: int(kind == "cuda"),
        "torch.cuda.get_device_properties": lambda _=None: type("Properties", (), {"total_memory": free})(),
        "torch.cuda.mem_get_info": lambda _=None: (free, free),
        "torch.cuda.memory_reserved": lambda _=None: 0,
        "torch.cuda.memory_allocated": lambda _=None: 0,
        "torch.cuda.current_device": lambda: 0,
        "torch.cuda.is_bf16_supported": lambda *_: True,
        "torch.accelerator.current_accelerator": lambda *_, **__: None,  # optimisers ask its stream
        "torch.cuda.empty_cache": lambda: None,
        "torch.cuda.synchronize": lambda _=None: None,
        "torch.cuda.Stream": Stream,
        "torch.cuda.stream": Stream.used,
        "torch.cuda.current_stream": lambda _=None: None,
        "torch.Tensor.record_stream": lambda x, stream: None,
        "torch.backends.mps.is_available": lambda: kind == "mps",
        "torch.Generator": _HostGenerator,
        "torch.Tensor.to": lambda x, *args, **kwargs: here.moved(x, *args, **kwargs),
        "torch.Tensor.pin_memory": lambda x: x,
        **{f"torch.{name}": _factory(getattr(torch, name), here) for name in _FACTORIES},
    }
    replaced = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # or modules would keep their parameters' class
    _machine.append(here)
    try:
        with ExitStack() as patches:
            for name, stub in stubs.items():
                patches.enter_context(patch(name, stub))
            yield here
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(replaced)
        _machine.pop()


def _factory(make: Callable[..., Tensor], accelerator: Accelerator) -> Callable[..., Tensor]:
    def made(*args: Any, device: Any = None, pin_memory: bool = False, **kwargs: Any) -> Tensor:
        if device is None or torch.device(device).type == "cpu":
            return make(*args, **kwargs)
        if make.__name__ in _FROM_HOST:
            accelerator.copies[_line(make.__name__)] += 1
        return accelerator.put(make(*args, **kwargs))

    return made


def _plain(x: Tensor) -> Tensor:
    with torch._C.DisableTorchFunctionSubclass():
        return x.detach().as_subclass(Tensor)


def _tensors(values: Any) -> Iterator[Tensor]:
    for x in values:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from _tensors(x)


def _line(operation: str = "") -> str:
    """Where the package is, and what it does there."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.removeprefix(_PACKAGE + '/')}:{frame.f_lineno} {operation}".rstrip()


class _HostGenerator:
    """A generator of the host, whichever device is asked."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return _generator()


_original_to, _generator = Tensor.to, torch.Generator
_machine: list[Accelerator] = []
