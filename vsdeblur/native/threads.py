"""Rows of one operation shared over torch's number of threads, where there is enough to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

LEAST = 200_000  # samplings for which a thread is woken: about half a millisecond of work


def share_rows(rows: int, work: int, part: Callable[[int, int], None]) -> None:
    """Call ``part`` for ranges of rows that make up all of them, and wait.

    Args:
        rows: How many there are.
        work: Samplings in all.
        part: Called with the first row and the one after the last, in several threads at once.
    """
    count = max(1, min(torch.get_num_threads(), work // LEAST, rows))
    edges = [rows * k // count for k in range(count + 1)]
    others = [_pool(os.getpid()).submit(part, *edges[k : k + 2]) for k in range(1, count)]
    part(0, edges[1])
    for other in others:
        other.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process: those of its parent do not live on in a fork."""
    return ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix=f"vsdeblur-{process}")
