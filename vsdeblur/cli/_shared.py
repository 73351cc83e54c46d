"""Options that several commands have, and the values they take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.settings import PRESETS

preset_option = click.option(
    "--preset", type=click.Choice(PRESETS), default="balanced", show_default=True, help="Speed against quality."
)
device_option = click.option("--device", metavar="NAME", help="cpu, cuda, cuda:0 or mps; the best there is by default.")
memory_option = click.option(
    "--max-memory", metavar="SIZE", help='Budget such as "2GiB"; by default half of the memory, 4GiB at most.'
)
factor_option = click.option(
    "--factor", metavar="N", help='Output frames per source frame, 1 to 16, such as 4 or "5/2".  [default: 1]'
)
fps_option = click.option(
    "--fps", metavar="RATE", help="Output frame rate instead of a factor: 120, 59.94, 60000/1001."
)
shutter_option = click.option(
    "--shutter",
    metavar="S",
    help="How long the shutter was open: 0.5 (of the frame period), 180deg, 1/60s, telemetry, auto.  [default: auto]",
)

out_shutter_option = click.option(
    "--out-shutter",
    default="0",
    show_default=True,
    metavar="S",
    help="Blur the output again, by a shutter open for this part of its period: 0.5 or 180deg; 0 leaves it sharp.",
)

readout_option = click.option(
    "--readout",
    default="0",
    show_default=True,
    metavar="R",
    help="Rolling shutter: time from the first row to the last, 16ms or 0.6 (of the frame period), telemetry, or auto.",
)


def scene_cuts(value: str) -> bool | str | list[int]:
    """on, off, props, or frame numbers with commas between them."""
    if value in ("on", "off"):
        return value == "on"
    if value == "props":
        return value
    if re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", value):
        return [int(number) for number in value.split(",")]
    raise ArgumentError("--scene-cuts", value, "on, off, props or frame numbers such as 120,480")


def encoder_options(values: tuple[str, ...]) -> dict[str, str]:
    """k=v, as often as given."""
    out: dict[str, str] = {}
    for value in values:
        key, equals, setting = value.partition("=")
        if not equals or not key.strip():
            raise ArgumentError("--encoder-option", value, "KEY=VALUE such as tune=film")
        out[key.strip()] = setting
    return out


def place_for(path: Path | None) -> None:
    """Refuse a file in a folder that does not exist, before the work and not after it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no such folder")


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
