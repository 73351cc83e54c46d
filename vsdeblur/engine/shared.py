"""Engines and device threads that a process shares: one engine per set of arguments, one task at a time per device."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache

from vsdeblur.device import choose_device
from vsdeblur.engine.engine import Engine
from vsdeblur.heap import share_one_heap
from vsdeblur.settings import Options


def engine_for(
    options: Options, height: int, width: int, channels: int, host_bytes: int, *, chunks_at_once: bool = False
) -> Engine:
    """An engine for these arguments, the same one as last time where that is safe.

    Players build the script anew on every seek, and an engine may hold weights. One that holds callables of the
    script is not kept: they may hold the script's nodes.

    Args:
        options: As in ``Engine``, like the others.
        height: Of the frames.
        width: Of the frames.
        channels: Of the frames.
        host_bytes: Of an output frame.
        chunks_at_once: As in ``Engine``.
    """
    make = Engine if callable(options.prior) or callable(options.flow) else _kept_engine
    return make(options, height, width, channels, host_bytes=host_bytes, chunks_at_once=chunks_at_once)


@lru_cache(maxsize=4)
def _kept_engine(
    options: Options, height: int, width: int, channels: int, *, host_bytes: int, chunks_at_once: bool
) -> Engine:
    return Engine(options, height, width, channels, host_bytes=host_bytes, chunks_at_once=chunks_at_once)


def run_alone[Result](device: str | None, task: Callable[[], Result]) -> Result:
    """The result of a task that runs when no other one runs on this device.

    In a thread of its own, not under a lock: the host calls from many threads, and torch keeps a pool of workers for
    each of them.

    Args:
        device: As in ``Options``.
        task: What runs.
    """
    return _thread_of(str(choose_device(device))).submit(task).result()


@cache
def _thread_of(device: str) -> ThreadPoolExecutor:
    share_one_heap()
    return ThreadPoolExecutor(1, thread_name_prefix=f"vsdeblur-{device}")
