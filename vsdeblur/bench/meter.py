"""How much memory something takes: the growth of the process while it runs, sampled from a thread."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil


class MemoryMeter:
    """Context manager; ``peak`` is the largest growth of the resident set in bytes since it was entered."""

    def __init__(self, interval: float = 0.01) -> None:
        self.peak = 0
        self._interval = interval
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._start = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss - self._start)
