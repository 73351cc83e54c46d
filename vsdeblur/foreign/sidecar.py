"""The small file beside a model: one table in TOML or JSON, ``NAME.toml`` for ``NAME.onnx``, every entry checked.

Who takes such models says which entries there are (``priors.declaration``, ``flow.declared``, ``bench.model_peer``);
every mistake is one line that names the argument, the file and the entry.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.external import line

Check = tuple[str, Callable[[Any], Any]]  # what is wanted, in words; and the checked value, or TypeError, ValueError
MOST_FRAMES, MOST_ALIGN, MOST_TILE, MOST_MEMORY = 31, 64, 4096, 1_000_000
_LONGEST = 1 << 16  # bytes of the file


def read_beside(model: Path, checks: Mapping[str, Check], argument: str, least: str) -> tuple[dict[str, Any], Path]:
    """The checked entries of the file beside a model, and the file.

    Args:
        model: ``FOLDER/NAME.ANYTHING``; the file is ``FOLDER/NAME.toml`` or ``FOLDER/NAME.json``.
        checks: The entries that there are.
        argument: That the model was given to, for messages.
        least: What the file has to hold at least, for the message where there is none.

    Raises:
        DeblurError: There is none, there are two, or an entry is wrong.
    """
    found = [path for path in (model.with_suffix(".toml"), model.with_suffix(".json")) if os.path.isfile(path)]
    if not found:
        raise DeblurError(
            f"{argument}: {model} has no declaration: write {model.with_suffix('.toml').name} beside it, with at least "
            f"{least}"
        )
    if len(found) > 1:
        raise DeblurError(f"{argument}: {model} has two declarations, {found[0].name} and {found[1].name}: remove one")
    path, values = found[0], dict[str, Any]()
    for name, value in _read(path, argument).items():
        if name not in checks:
            close = get_close_matches(name, checks, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(checks))}"
            raise DeblurError(f"{argument}: {path} has an entry {name!r} that does not exist: {hint}")
        wanted, check = checks[name]
        try:
            values[name] = check(value)
        except (TypeError, ValueError):
            raise wrong(argument, path, name, wanted, value) from None
    return values, path


def wrong(argument: str, path: Path, name: str, wanted: str, value: object) -> DeblurError:
    """The error for an entry that cannot be."""
    shown = " ".join(repr(value).split())
    return DeblurError(
        f"{argument}: {path}: {name} must be {wanted}, not {shown if len(shown) <= 80 else shown[:77] + '...'}"
    )


def _read(path: Path, argument: str) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        text = data.decode()
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        if not isinstance(content, dict):
            raise ValueError("it is no table of names and values")
    except (OSError, ValueError, RecursionError) as error:  # what TOML, JSON and Unicode refuse are ValueErrors
        raise DeblurError(f"{argument}: {path} is not readable: {line(error)}") from error
    return content


def whole(least: int, most: int, *, odd: bool = False) -> Check:
    """A whole number in a range."""

    def check(value: Any) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not least <= value <= most
            or (odd and not value % 2)
        ):
            raise ValueError
        return value

    return f"{'an odd' if odd else 'a whole'} number from {least} to {most}", check


def choice(*names: str) -> Check:
    """One of these names."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return "one of " + ", ".join(names), check


def ends(wanted: str, least: float, most: float) -> Check:
    """Two numbers in ascending order within a range."""

    def check(value: Any) -> tuple[float, float]:
        if not isinstance(value, list) or any(
            isinstance(end, bool) or not isinstance(end, int | float) for end in value
        ):
            raise TypeError
        low, high = map(float, value)
        if not least <= low < high <= most:
            raise ValueError
        return low, high

    return wanted, check


VALUES = ends("[black, white], two numbers in ascending order within 65536 of 0", -65536, 65536)
COLOURS = choice("rgb", "bgr", "grey")
ALIGN = whole(1, MOST_ALIGN)
