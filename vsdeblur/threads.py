"""What a thread of ours works on, and how many of torch's threads it has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import torch

from vsdeblur.device import torch_threads
from vsdeblur.heap import share_one_heap

_starting = threading.Lock()  # the number of torch's threads is the process's until a thread has asked for its own
_slots = set[int]()  # of the streams that run


class Stopped(BaseException):
    """Unwinds a thread whose results nobody takes."""


class Stop:
    """Whether a stream is to end, and its number among those that run.

    Attributes:
        slot: No other stream has it until this one calls ``ended``.
        asked: Whether the thread is to end soon.
    """

    def __init__(self) -> None:
        self.asked = False
        with _starting:
            self.slot = next(slot for slot in count() if slot not in _slots)
            _slots.add(self.slot)

    def ended(self) -> None:
        """The thread has done its work: others may have its slot."""
        _slots.discard(self.slot)


class _ThisThread(threading.local):
    """What this thread works on.

    Attributes:
        has_a_piece: Whether that is a piece of ``at_once``.
        stop: Of the stream of ``streamed_at_once``, None for other threads.
    """

    has_a_piece = False
    stop: Stop | None = None

    @property
    def slot(self) -> int | None:
        """The stream's, None for other threads."""
        return None if self.stop is None else self.stop.slot

    def heed_stop(self) -> None:
        """Raise Stopped in a stream whose results nobody takes any more, as where the process ends."""
        if self.stop is not None and (self.stop.asked or not threading.main_thread().is_alive()):
            raise Stopped


this_thread = _ThisThread()


@contextmanager
def threads_that_begin(number: int) -> Iterator[None]:
    """Threads that call ``begin`` within have so many of torch's each, and the main thread's heap."""
    share_one_heap()
    with _starting, torch_threads(number):
        yield


def begin(stop: Stop | None = None) -> None:
    """The first thing that a thread of ours does: it works on pieces, or on the stream that ``stop`` is of."""
    this_thread.has_a_piece, this_thread.stop = stop is None, stop
    torch.get_num_threads()  # a thread keeps the number that is set when it first asks
