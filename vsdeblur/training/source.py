"""Where the loop's samples come from: a growing pool of scenes, rendered ahead by a process of their own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vsdeblur.training.pool import Pool, Sample

FIRST = 64  # scenes that there are before the first step
REUSE = 4


@dataclass(frozen=True, slots=True)
class GrowingPool:
    """Step i draws from the first ``first + i * batch / reuse`` scenes of the pool, ``limit`` at most.

    What is not there yet when it is drawn is rendered on the spot, so the samples of a step never depend on how far
    the rendering has come.

    Args:
        pool: The samples.
        batch: Samples per step.
        first: Samples that there are before the first step.
        reuse: How often a sample is drawn, about, while the pool grows.
        limit: Of the pool.
    """

    pool: Pool
    batch: int
    first: int = FIRST
    reuse: int = REUSE
    limit: int = 6000

    def available(self, step: int) -> int:
        """The number of samples that may be drawn from at ``step``."""
        return min(self.first + step * self.batch // self.reuse, self.limit)

    def __getitem__(self, number: int) -> Sample:
        return self.pool[number]


@contextmanager
def rendered_ahead(source: GrowingPool, workers: int = 1) -> Iterator[None]:
    """While the context is open, ``workers`` processes render the pool's scenes in the order of their need."""
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=_render, args=(source, share, workers), daemon=True) for share in range(workers)]
    for job in jobs:
        job.start()
    try:
        yield
    finally:
        for job in jobs:
            job.terminate()
            job.join()


def _render(source: GrowingPool, share: int, workers: int) -> None:
    import signal

    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = os.getppid()
    for number in range(share, source.limit, workers):
        if os.getppid() != parent:
            return
        source.pool.render(number)
