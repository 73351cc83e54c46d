"""Pieces of work done at once, each by a thread of its own, their results in order.

Torch shares every operation over its threads, and waking them takes as long as most of our operations. Threads that
take a whole piece each, a key frame or a band of rows, wait for one another some hundred times less often; so they keep
their gain on small pictures, and beside other jobs on the same cores. Threads that take a whole chunk each
(``streamed_at_once``) never wait for one another.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from queue import SimpleQueue
from typing import Any

import torch
from torch import Tensor

from vsdeblur.heap import share_one_heap


class _ThisThread(threading.local):
    """What a thread works on: whether on a piece of ``at_once``, and on which stream of ``streamed_at_once``."""

    has_a_piece = False
    stream: _Stream[Any] | None = None


_this_thread = _ThisThread()
_starting = threading.Lock()  # threads of torch are counted by the process, and by each thread from its first use on


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
    stream = _this_thread.stream
    if not shared or _this_thread.has_a_piece:
        for piece in pieces:
            if stream is not None:
                stream.heed_stop()
            yield function(piece)
        return
    inference = torch.is_inference_mode_enabled()

    def work(piece: T) -> R:
        with torch.inference_mode(inference):
            return function(piece)

    slot, under_way = None if stream is None else stream.slot, deque[Future[R]]()
    pool = _pool(os.getpid(), slot, workers, 1 if single else threads // workers)
    try:
        for piece in pieces:
            if stream is not None:
                stream.heed_stop()
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


def streamed_at_once[T, R](function: Callable[[T], Iterable[R]], pieces: Iterable[T], workers: int) -> Iterator[R]:
    """The results of a function that gives several of a piece, in the order of the pieces.

    Each piece has a thread and its share of torch's threads, of which ``at_once`` within the function makes use. A
    single piece, and pieces where ``workers`` or torch's threads are less than two, are worked on by the caller's
    thread as their results are taken. It is that thread in any case which takes the pieces.

    Threads end with their piece and never wait for the caller: one that takes no more, is interrupted, or is abandoned
    where the process ends, stops them at the next result or piece of ``at_once``.

    Args:
        function: Pieces that run at once do not depend on one another.
        pieces: What it is called with. Taken are as many as are worked on, and one whose results wait.
        workers: Pieces that are worked on at once, no more than torch has threads.

    Raises:
        Exception: What the function, or taking a piece, raises: after the results before it.
    """
    threads = torch.get_num_threads()
    workers = min(workers, threads)
    rest = iter(pieces)
    if workers < 2 or _this_thread.has_a_piece or _this_thread.stream is not None:
        for piece in rest:
            yield from function(piece)
        return
    streams = _Streams(function, rest, workers, threads)
    try:
        yield from streams.results()
    finally:
        streams.stop()


class _Stopped(BaseException):
    """Unwinds a thread whose results nobody takes."""


class _Ended:
    """The end of a stream, by an error or without."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Stream[R]:
    """A piece that a thread works on. What it finds goes to ``events``, the end last.

    Attributes:
        slot: A number that no other stream has while this one runs: of the threads for its own pieces.
        found: Results that wait to be taken.
        ended: Once the thread has ended.
    """

    def __init__(self, slot: int) -> None:
        self.slot, self.found = slot, deque[R]()
        self.ended: _Ended | None = None
        self._stop = False

    def stop(self) -> None:
        """Have the thread end soon."""
        self._stop = True

    def heed_stop(self) -> None:
        """Raise _Stopped where nobody takes the results any more: called by the thread itself."""
        if self._stop or not threading.main_thread().is_alive():
            raise _Stopped


class _Streams[T, R]:
    """The pieces under way of ``streamed_at_once``, the first one's results being taken."""

    def __init__(self, function: Callable[[T], Iterable[R]], rest: Iterator[T], workers: int, threads: int) -> None:
        self._function, self._rest, self._workers, self._share = function, rest, workers, threads // workers
        self._inference = torch.is_inference_mode_enabled()
        self._events = SimpleQueue[tuple[_Stream[R], R | _Ended]]()
        self._under_way = deque[_Stream[R]]()
        self._ahead = deque[T]()  # taken and not begun
        self._all_taken = False
        self._failure: BaseException | None = None  # to be raised behind the results before it

    def results(self) -> Iterator[R]:
        """In order; what is raised comes after the results before it."""
        self._take(2)
        if len(self._ahead) == 1:  # nothing to be done beside it
            yield from self._function(self._ahead.popleft())
        self._begin()
        while self._under_way:
            while self._under_way[0].found:
                yield self._under_way[0].found.popleft()
            ended = self._under_way[0].ended
            if ended is None:
                self._wait()
                continue
            self._under_way.popleft()
            if ended.error is not None:
                self.stop()
                self._failure = ended.error
            self._begin()
        if self._failure is not None:
            try:
                raise self._failure
            finally:
                self._failure = None  # its traceback has this frame

    def stop(self) -> None:
        """Have all threads end soon, and begin no more."""
        for stream in self._under_way:
            stream.stop()
        self._under_way.clear()
        self._ahead.clear()
        self._all_taken = True

    def _wait(self) -> None:
        """Until a thread has found something or has ended."""
        stream, found = self._events.get()
        if isinstance(found, _Ended):
            stream.ended = found
        else:
            stream.found.append(found)

    def _take(self, most: int) -> None:
        """Pieces, until so many are there that have not begun, or there are no more."""
        while len(self._ahead) < most and not self._all_taken:
            try:
                self._ahead.append(next(self._rest))
            except StopIteration:
                self._all_taken = True
            except Exception as error:
                self._all_taken, self._failure = True, error

    def _begin(self) -> None:
        """As many pieces as may run, and one more whose results wait."""
        while len(self._under_way) <= self._workers and self._running < self._workers:
            self._take(1)
            if not self._ahead:
                return
            with _starting:
                stream = _Stream[R](next(slot for slot in count() if slot not in _slots))
                _slots.add(stream.slot)
            self._under_way.append(stream)
            self._start(stream, self._ahead.popleft())

    @property
    def _running(self) -> int:
        return sum(stream.ended is None for stream in self._under_way)

    def _start(self, stream: _Stream[R], piece: T) -> None:
        function, events, inference, share = self._function, self._events, self._inference, self._share
        begun = threading.Event()

        def work() -> None:
            error: BaseException | None = None
            try:
                _this_thread.stream = stream
                _take_threads(share)
                begun.set()
                with torch.inference_mode(inference):
                    for found in function(piece):
                        stream.heed_stop()
                        events.put((stream, found))
            except BaseException as raised:
                error = raised
            finally:
                _slots.discard(stream.slot)
                events.put((stream, _Ended(error)))

        share_one_heap()
        with _counted_anew():
            threading.Thread(target=work, name=f"vsdeblur-chunk-{stream.slot}").start()
            begun.wait()


_slots = set[int]()  # of the streams that run


@contextmanager
def _counted_anew() -> Iterator[None]:
    """Threads begin within that set their own number of torch's: that of the process is set back behind it."""
    with _starting:
        before = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _take_threads(number: int) -> None:
    """Give the thread that begins so many of torch's."""
    torch.set_num_threads(number)
    torch.get_num_threads()  # a thread that has not asked yet takes the process's number when it first computes


@cache
def _pool(process: int, slot: int | None, workers: int, threads: int) -> ThreadPoolExecutor:
    """Threads of a process with so many of torch's each: those of its parent do not live on in a fork.

    slot: Of the stream whose pieces they work on, so that streams do not wait for one another.
    """
    all_there = threading.Barrier(workers)

    def begin() -> None:
        _this_thread.has_a_piece = True
        _take_threads(threads)

    share_one_heap()
    pool = ThreadPoolExecutor(workers, f"vsdeblur-{process}", initializer=begin)
    with _counted_anew():
        try:
            for one in [pool.submit(all_there.wait) for _ in range(workers)]:
                one.result()
        except BaseException:
            all_there.abort()  # where the process ends meanwhile, not all can begin
            raise
    return pool
