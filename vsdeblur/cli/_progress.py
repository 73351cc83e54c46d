"""The progress of long jobs, on stderr: a bar on a terminal, now and then a line elsewhere, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vsdeblur.pages.quantities import clock, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

_PAUSE = 30.0  # seconds between lines where there is no terminal
_WIDTH, _NARROW = 30, 8  # of the bar, characters
_ROOM = 80  # characters of a line with all that there is to say
_NEARLY = 0.95  # of a chunk that the bar may be ahead of what is done
_NODES = 8  # of a cluster that are named
_OFTEN = 0.25  # seconds between lines of JSON


class Bar:
    """A context manager and the callback that transcode reports its progress to.

    Outputs come in bursts, a chunk at a time. In between the bar goes on at the rate so far, and at the rate that was
    forecast before there is any, up to a chunk; the number of frames beside it is of those that are done.
    """

    def __init__(self, console: Console, each: float | None = None, burst: float = 0.0) -> None:
        """Nothing is shown yet.

        Args:
            console: For people.
            each: Seconds of an output, as forecast; None where that is not known.
            burst: Outputs of a chunk.
        """
        from rich.progress import Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._said = 0.0
        self._nodes = ""
        self._pace = Pace(each, burst)
        columns = (
            _column(self._pace, _WIDTH if console.width >= _ROOM else _NARROW),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
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

    def nodes(self, frames: Mapping[str, int]) -> None:
        """What the machines of a cluster have done is said below the bar, from the next report on."""
        shown = sorted(frames.items())[:_NODES]
        more = len(frames) - len(shown)
        words = [f"{name} {count}" for name, count in shown] + ([f"and {more} more"] if more else [])
        self._nodes = ", ".join(words)

    def __call__(self, done: int, total: int | None, seconds: float, memory: int) -> None:
        self._pace.note(done, total, seconds)
        if self._progress is not None and self._task is not None:
            words = self._words(done, total, seconds, memory)
            self._progress.update(self._task, description=f"{words}\n{self._nodes}" if self._nodes else words)
        elif seconds - self._said >= _PAUSE:
            self._said = seconds
            line = status(done, total, seconds, memory)
            self._console.print(f"{line} ({self._nodes})" if self._nodes else line, markup=False)

    def _words(self, done: int, total: int | None, seconds: float, memory: int) -> str:
        """All there is to say, or what matters most where there is no room for it."""
        if self._console.width >= _ROOM:
            return status(done, total, seconds, memory)
        left = "" if total is None or not done else f" {clock(seconds * max(total - done, 0) / done)}"
        return f"{done}{'' if total is None else f'/{total}'}{left}"


class Pace:
    """How far a job is likely to be between two of its reports; never less than before."""

    def __init__(self, each: float | None, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        """each, burst: as in ``Bar``. clock: seconds."""
        self._each, self._burst, self._clock = each, burst, clock
        self._done, self._noted, self._shown = 0, clock(), 0.0
        self.total: int | None = None

    def note(self, done: int, total: int | None, seconds: float) -> None:
        """A report: outputs done, in all, and seconds so far."""
        self._burst = max(self._burst, done - self._done)
        self._done, self.total, self._noted = done, total, self._clock()
        if done:
            self._each = seconds / done

    @property
    def outputs(self) -> float:
        """Outputs by now; what is not done counts up to most of a chunk."""
        ahead = (self._clock() - self._noted) / self._each if self._each else 0.0
        now = self._done + min(ahead, _NEARLY * self._burst)
        self._shown = max(self._shown, now if self.total is None else min(now, self.total))
        return self._shown


def _column(pace: Pace, width: int) -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.progress_bar import ProgressBar

    class Column(ProgressColumn):
        """A bar that leaves room for words in narrow terminals."""

        def render(self, task: Task) -> ProgressBar:
            total = None if pace.total is None else float(pace.total)
            return ProgressBar(total=total, completed=pace.outputs, width=width, pulse=total is None)

    return Column()


class JsonLines:
    """The same as lines of JSON, at most four a second and one at the end, for programs with a bar of their own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = 0.0
        self._nodes: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def nodes(self, frames: Mapping[str, int]) -> None:
        """What the machines of a cluster have done is an entry of every line from now on."""
        self._nodes = dict(frames)

    def __call__(self, done: int, total: int | None, seconds: float, memory: int) -> None:
        now = time.monotonic()
        if now - self._said >= _OFTEN or done == total:
            self._said = now
            line: dict[str, Any] = {"done": done, "total": total, "seconds": round(seconds, 2), "memory": memory}
            line |= {"nodes": self._nodes} if self._nodes else {}
            self._console.print(json.dumps(line), markup=False, soft_wrap=True)


def status(done: int, total: int | None, seconds: float, memory: int) -> str:
    """Frames, rate, remaining time and memory in one line."""
    rate = done / seconds if seconds > 0 else 0.0
    left = "" if total is None or not rate else f", {clock(max(total - done, 0) / rate)} left"
    frames = f"{done}" if total is None else f"{done}/{total}"
    return f"{frames} frames, {rate:.3g} fps{left}, {size(memory)}"
