"""Copies between the processor and an accelerator: from page-locked memory, results by a stream of their own.

A pageable copy makes the processor wait until all that is queued before it is done. From page-locked memory a copy is
queued like any other work; and a copy on a second stream runs beside the work that is queued after it, so that the next
results are computed while the last ones travel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

import torch
from torch import Tensor


def sent(x: Tensor, device: torch.device) -> Tensor:
    """A tensor of the processor on a device; nothing waits for it."""
    if device.type == "cuda" and x.device.type == "cpu":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def together(*values: Tensor) -> list[Tensor]:
    """Values of one device and type on the processor, by one copy."""
    if values[0].device.type == "cpu":
        return list(values)
    parts = torch.cat([x.flatten() for x in values]).cpu().split([x.numel() for x in values])
    return [part.view(x.shape) for part, x in zip(parts, values, strict=True)]


def received(pictures: Iterator[Tensor], spare: int) -> Iterator[Tensor]:
    """Pictures on the processor: by as few copies as there is room for.

    Args:
        pictures: Of one size.
        spare: Bytes of the accelerator that they may take beside the one that is being made.
    """
    arriving: Callable[[], Tensor] | None = None
    for first in pictures:
        if first.device.type == "cpu":
            yield first
            continue
        # Of n that travel together there are 2 n, and n more of the next ones, one of which is being made.
        more = max(spare // first.nbytes - 2, 0) // 3
        several = [first, *islice(pictures, more)]
        last, arriving = arriving, _arrival(torch.stack(several) if more else first[None])
        if last:
            yield from last()
        if spare < first.nbytes:
            yield from arriving()
            arriving = None
    if arriving:
        yield from arriving()


def _arrival(x: Tensor) -> Callable[[], Tensor]:
    """Begin to copy a tensor of an accelerator; the result waits until it is on the processor."""
    if x.device.type != "cuda":
        return x.cpu
    out, stream = torch.empty(x.shape, dtype=x.dtype, pin_memory=True), _copies(x.device)
    stream.wait_stream(torch.cuda.current_stream(x.device))
    with torch.cuda.stream(stream):
        out.copy_(x, non_blocking=True)
        x.record_stream(stream)  # its memory is not given to other work before
        done = stream.record_event()

    def arrived() -> Tensor:
        done.synchronize()
        return out

    return arrived


@lru_cache
def _copies(device: torch.device) -> torch.cuda.Stream:
    """The stream of copies from a device."""
    return torch.cuda.Stream(device)
