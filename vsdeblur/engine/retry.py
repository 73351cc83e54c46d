"""Out of memory on the device: the same results once more, from smaller batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from vsdeblur.errors import MemoryBudgetError
from vsdeblur.heap import release_unused
from vsdeblur.solver.keyframes import BATCH

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """How much is done at once; changes memory, never a result.

    Attributes:
        instants: Of an exposure, that are warped together: BATCH, or 1.
        rows: Of a picture, that are rendered together.
        spare: Bytes beside the plan that may be held to wait less for an accelerator.
    """

    instants: int
    rows: int
    spare: int = 0


@dataclass(frozen=True, slots=True)
class MemoryRetry:
    """Runs the stages of a chunk: a second time where the device is out of memory.

    What the first attempt held, and what the allocator caches, is given back in between. A stage that has nothing to
    batch (flow, a single picture) gains by that alone.

    Attributes:
        device: Where the stages run.
        rows: Rows that are rendered together at first.
        spare: As in ``BatchSizes``, at first; then none.
    """

    device: torch.device
    rows: int
    spare: int = 0

    def run[R](self, stage: str, task: Callable[[BatchSizes], R]) -> R:
        """The result of ``task``. stage: what it does, for the log.

        Raises:
            MemoryBudgetError: Where memory does not suffice for the smallest batches either.
        """
        return next(self.stream(stage, lambda sizes, _: iter((task(sizes),))))

    def stream[R](self, stage: str, start: Callable[[BatchSizes, int], Iterator[R]]) -> Iterator[R]:
        """The results of ``start(sizes, done)``: all of them but the first ``done``, which are there already.

        Raises:
            MemoryBudgetError: As for ``run``.
        """
        done = 0
        try:
            for result in start(BatchSizes(BATCH, self.rows, self.spare), done):
                done += 1
                yield result
            return
        except torch.OutOfMemoryError:
            log.warning("out of memory on %s while %s: again, in smaller batches", self.device, stage)
        release_unused()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            yield from start(BatchSizes(1, max(self.rows // 4, 1)), done)
        except torch.OutOfMemoryError as error:
            raise MemoryBudgetError(
                f"max_memory must be less than what {self.device} has free: it ran out of memory while {stage}"
            ) from error
