"""What runs at once, and how many of torch's threads a thread has."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import torch

LONG = 20.0  # seconds after which something has gone wrong


class Counter:
    """Counts how many calls of ``work`` run at once.

    Attributes:
        most: That ran at once so far.
    """

    def __init__(self) -> None:
        self.most, self._running, self._lock = 0, 0, threading.Lock()

    def work(self, _: object = None) -> None:
        """Takes a hundredth of a second."""
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(0.01)
        with self._lock:
            self._running -= 1

    def stream(self, _: object = None) -> Iterator[None]:
        """The same as one result of a stream."""
        yield self.work()


def threads_of_another() -> int:
    """Of torch, in a thread that begins now."""
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join(LONG)
    return found[0]
