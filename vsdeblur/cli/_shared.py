"""What several commands share besides options: the console and places for files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vsdeblur.errors import InputError
from vsdeblur.files import reason


def place_for(path: Path | None) -> None:
    """Refuse a file that cannot be, before the work and not after it."""
    if path is None:
        return
    try:
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: there is no such folder")
        there = path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {reason(error)}") from None
    if not os.access(path if there else path.absolute().parent, os.W_OK):
        raise InputError(f"{path}: it cannot be written here")


@contextmanager
def saying(console: Any, words: str) -> Iterator[Callable[[str], None]]:
    """Say at once what is done within the block, before libraries that take seconds are loaded.

    Args:
        console: For people.
        words: What is done.

    Returns:
        A function that adds a stage to the words, where there is a terminal.
    """
    from rich.markup import escape

    if not console.is_terminal:
        console.print(f"vsdeblur: {words}", markup=False, soft_wrap=True)
        yield lambda stage: None
        return
    with console.status(escape(words)) as status:
        yield lambda stage: status.update(escape(f"{words}: {stage}"))


def quiet_console(quiet: bool = False) -> Any:
    """A rich console on stderr: stdout belongs to results."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False)
