"""What several commands share besides options: the console, words for quantities, places for files."""

from __future__ import annotations

import os
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


def clock(duration: float) -> str:
    """Seconds for people: 8 s, 3 min 20 s, 2 h 05 min."""
    if duration < 10:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def quiet_console(quiet: bool = False) -> Any:
    """A rich console on stderr: stdout belongs to results."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False)
