"""Being ended from outside: by signals, and by standard output that nobody reads."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vsdeblur.files import remove_unfinished
from vsdeblur.interrupts import arrive, forget, raise_pending

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}


class Ended(BaseException):
    """Raised by a signal, so that everything is unwound and temporary files go."""

    def __init__(self, name: str) -> None:
        super().__init__(_WORDS[name])
        self.code = 128 + getattr(signal, name)


class Interrupted(KeyboardInterrupt):
    """Raised by SIGINT. Where KeyboardInterrupt itself leaves code that was compiled from a string, as dataclasses are
    while they are imported, Python ends by the signal instead of with the exit code that it is given.
    """


def heeding(progress: Callable[..., None] | None) -> Callable[..., None]:
    """The callback ``progress`` of a long job, and before it ``raise_pending``."""

    def called(*args: Any) -> None:
        raise_pending()
        if progress is not None:
            progress(*args)

    return called


@contextmanager
def handled() -> Iterator[None]:
    """Within the block the first signal unwinds, and the second ends the process at once. For the main thread."""
    seen = 0

    def handle(number: int, frame: object) -> None:
        nonlocal seen
        seen += 1
        name = signal.Signals(number).name
        if seen > 1:  # what unwinds takes too long for somebody
            remove_unfinished()
            with contextlib.suppress(OSError):
                os.write(2, f"vsdeblur: {_WORDS[name]}\n".encode())
            os._exit(128 + number)
        arrive(Interrupted() if name == "SIGINT" else Ended(name))

    before = {}
    for name in _WORDS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup, jobs in the background
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if forget():  # what it raised may have come between a file and the block that removes it
            remove_unfinished()


def drop_output() -> None:
    """Let standard output lead nowhere from now on, or the interpreter complains at its end of what it cannot write."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
