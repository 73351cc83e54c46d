"""Pieces that give several results, each worked on by a thread of its own: the chunks of a clip.

Threads end with their piece and never wait, neither for one another nor for the caller, who takes the pieces and the
results in order. So nothing has to be woken where a caller is interrupted or a process ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

import torch

from vsdeblur.threads import Stop, begin, this_thread, threads_that_begin


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
    if workers < 2 or this_thread.has_a_piece or this_thread.stop is not None:
        for piece in rest:
            yield from function(piece)
        return
    streams = _Streams(function, rest, workers, threads)
    try:
        yield from streams.results()
    finally:
        streams.stop()


class _Ended:
    """The end of a stream, by an error or without."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Stream[R]:
    """A piece that a thread works on.

    Attributes:
        stop: What makes the thread end soon.
        found: Results that wait to be taken.
        ended: Once the thread has ended.
    """

    def __init__(self) -> None:
        self.stop, self.found = Stop(), deque[R]()
        self.ended: _Ended | None = None


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
            stream.stop.asked = True
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
            stream = _Stream[R]()
            self._under_way.append(stream)
            self._start(stream, self._ahead.popleft())

    @property
    def _running(self) -> int:
        return sum(stream.ended is None for stream in self._under_way)

    def _start(self, stream: _Stream[R], piece: T) -> None:
        function, events, inference, begun = self._function, self._events, self._inference, threading.Event()

        def work() -> None:
            error: BaseException | None = None
            try:
                begin(stream.stop)
                begun.set()
                with torch.inference_mode(inference):
                    for found in function(piece):
                        this_thread.heed_stop()
                        events.put((stream, found))
            except BaseException as raised:
                error = raised
            finally:
                stream.stop.ended()
                events.put((stream, _Ended(error)))

        with threads_that_begin(self._share):
            threading.Thread(target=work, name=f"vsdeblur-chunk-{stream.stop.slot}").start()
            begun.wait()
