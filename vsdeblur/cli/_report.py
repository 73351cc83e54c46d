"""Telling the outcome of a job: a line for people, JSON for programs, an exit code for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason
from vsdeblur.pages.quantities import clock

if TYPE_CHECKING:
    from rich.console import Console

    from vsdeblur.filters.pyav import Report

PARTIAL = 3


def tell(done: Report, console: Console, as_json: bool, path: Path | None) -> int:
    """Print and write a report; returns the exit code.

    Args:
        done: The report.
        console: For people.
        as_json: Whether it is printed as JSON.
        path: A file that it is written to, or None.

    Raises:
        DeblurError: The file cannot be written.
    """
    text = json.dumps(done.as_dict(), indent=1)
    if path is not None:
        try:
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise DeblurError(f"{done.output} is written, but cannot write {path}: {reason(error)}") from None
    if as_json:
        click.echo(text, err=done.output == "-")
    rate = float(done.output_rate or 0)
    console.print(f"{done.frames_out} frames at {rate:.6g} fps in {clock(done.seconds)}: {done.output}")
    if done.ways:
        shares = sorted(done.ways.items(), key=lambda item: -item[1])
        console.print("of the picture: " + ", ".join(f"{share:.0%} {name}" for name, share in shares if share > 0.005))
    return PARTIAL if done.partial else 0
