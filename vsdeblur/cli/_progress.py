"""The progress of long jobs, on stderr: a bar on a terminal, now and then a line elsewhere, JSON for programs."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vsdeblur.pages.quantities import clock, size

if TYPE_CHECKING:
    from rich.console import Console

_PAUSE = 30.0  # seconds between lines where there is no terminal
_OFTEN = 0.25  # seconds between lines of JSON


class Bar:
    """A context manager and the callback that transcode reports its progress to."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._console = console
        self._said = 0.0
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._progress.add_task("starting", total=None) if self._progress else None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int | None, seconds: float, memory: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task, completed=done, total=total, description=status(done, total, seconds, memory)
            )
        elif seconds - self._said >= _PAUSE:
            self._said = seconds
            self._console.print(status(done, total, seconds, memory))


class JsonLines:
    """The same as lines of JSON, at most four a second and one at the end, for programs with a bar of their own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, done: int, total: int | None, seconds: float, memory: int) -> None:
        now = time.monotonic()
        if now - self._said >= _OFTEN or done == total:
            self._said = now
            line = {"done": done, "total": total, "seconds": round(seconds, 2), "memory": memory}
            self._console.print(json.dumps(line), markup=False, soft_wrap=True)


def status(done: int, total: int | None, seconds: float, memory: int) -> str:
    """Frames, rate, remaining time and memory in one line."""
    rate = done / seconds if seconds > 0 else 0.0
    left = "" if total is None or not rate else f", {clock(max(total - done, 0) / rate)} left"
    frames = f"{done}" if total is None else f"{done}/{total}"
    return f"{frames} frames, {rate:.3g} fps{left}, {size(memory)}"
