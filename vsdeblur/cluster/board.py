"""What tasks are doing right now: a process of the cluster that they write to and the driver reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_OFTEN = 1.0  # seconds between two notes of a task


@dataclass(frozen=True, slots=True)
class Made:
    """Of a segment, finished or not.

    Attributes:
        node: Ray's name of the machine.
        frames: Outputs that are done.
    """

    node: str
    frames: int


class Board:
    """The segments that are being made. An actor of Ray; one that died begins anew, and the next notes fill it."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._made: dict[str, Made] = {}

    def note(self, segment: str, made: Made) -> None:
        """How far a segment is."""
        self._made[segment] = made

    def read(self) -> dict[str, Made]:
        """How far each segment is."""
        return self._made


def open_board(ray: Any) -> Any:
    """A handle of a board that takes no core from the tasks."""
    return ray.remote(num_cpus=0, max_restarts=-1)(Board).remote()


def noting(board: Any, segment: str, node: str) -> Callable[[int, int | None, float, int], None]:
    """A task's callback of progress: now and then a note on the board, which is not waited for."""
    said = [time.monotonic()]

    def progress(done: int, total: int | None, seconds: float, memory: int) -> None:
        now = time.monotonic()
        if now - said[0] >= _OFTEN:
            said[0] = now
            board.note.remote(segment, Made(node, done))

    return progress
