"""Engines and the thread that runs them: one chunk at a time per device, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache

from vsdeblur.device import choose_device
from vsdeblur.engine.engine import Engine
from vsdeblur.options import Options


def engine_for(options: Options, height: int, width: int, channels: int, host_bytes: int) -> Engine:
    """An engine for these arguments, the same one as last time where that is safe.

    Players build the script anew on every seek, and an engine may hold weights. One that holds callables of the
    script is not kept: they may hold the script's nodes.
    """
    make = Engine if callable(options.prior) or callable(options.flow) else _kept_engine
    return make(options, height, width, channels, host_bytes=host_bytes)


@lru_cache(maxsize=4)
def _kept_engine(options: Options, height: int, width: int, channels: int, *, host_bytes: int) -> Engine:
    return Engine(options, height, width, channels, host_bytes=host_bytes)


def run_alone[Result](device: str | None, task: Callable[[], Result]) -> Result:
    """Run a task when no other one runs on this device, and wait for it.

    A thread of its own, not a lock: the host calls from many threads, and each would make torch keep a pool of workers.
    """
    return _thread_of(str(choose_device(device))).submit(task).result()


@cache
def _thread_of(device: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"vsdeblur-{device}")
