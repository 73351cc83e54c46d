"""Pieces of work done at once, each by a thread of its own, their results in order.

Torch shares every operation over its threads, and waking them takes as long as most of our operations. Threads that
take a whole piece each, a key frame or a band of rows, wait for one another some hundred times less often; so they keep
their gain on small pictures, and beside other jobs on the same cores.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from vsdeblur.threads import begin, this_thread, threads_that_begin


def at_once[T, R](
    function: Callable[[T], R], pieces: Sequence[T], workers: int, *, single: bool = False
) -> Iterator[R]:
    """The results of a function of one piece, in the order of the pieces.

    One piece after the other, each with all of torch's threads, where ``workers`` or those are less than two, and in
    what is one of several pieces itself: pieces never wait for a thread that waits for them.

    Args:
        function: Pieces that run at once do not depend on one another. It is to be called under
            ``torch.inference_mode`` or to need no gradients.
        pieces: What it is called with.
        workers: Pieces that are worked on at once, no more than torch has threads. The results of as many wait to be
            taken, and one more.
        single: Each piece has one of torch's threads: the number changes the last bits of what networks give, since
            oneDNN adds up the sums of a convolution in another order.

    Raises:
        Exception: What the function raises, for the first of the pieces that it does; those that have not begun are
            dropped then, as when the caller is interrupted or takes no more results.
    """
    threads = torch.get_num_threads()
    workers = min(workers, threads)
    shared = (workers > 1 and len(pieces) > 1) or (single and threads > 1)
    if not shared or this_thread.has_a_piece:
        for piece in pieces:
            this_thread.heed_stop()
            yield function(piece)
        return
    inference = torch.is_inference_mode_enabled()

    def work(piece: T) -> R:
        with torch.inference_mode(inference):
            return function(piece)

    under_way = deque[Future[R]]()
    pool = _pool(os.getpid(), this_thread.slot, workers, 1 if single else threads // workers)
    try:
        for piece in pieces:
            this_thread.heed_stop()
            under_way.append(pool.submit(work, piece))
            if len(under_way) > workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for one in under_way:
            one.cancel()


def on_threads(x: Tensor) -> bool:
    """Whether what is computed from x is to be ``single``: on the processor, and not to learn from."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


@cache
def _pool(process: int, slot: int | None, workers: int, threads: int) -> ThreadPoolExecutor:
    """Threads of a process with so many of torch's each: those of its parent do not live on in a fork.

    slot: Of the stream whose pieces they work on, so that streams do not wait for one another.
    """
    all_there = threading.Barrier(workers)
    pool = ThreadPoolExecutor(workers, f"vsdeblur-{process}", initializer=begin)
    with threads_that_begin(threads):
        try:
            for one in [pool.submit(all_there.wait) for _ in range(workers)]:
                one.result()
        except BaseException:
            all_there.abort()  # where the process ends meanwhile, not all can begin
            raise
    return pool
