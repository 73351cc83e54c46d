"""Arguments that name a model and its checkpoint, such as ``prior="deepinv:NAME:PATH"``: one parser for all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsdeblur.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Named:
    """What was asked for: the family, its model where the form has one, the path of a checkpoint or None."""

    family: str
    model: str = ""
    path: Path | None = None


def match_named(value: object, forms: Sequence[str]) -> Named | None:
    """Split ``value`` by the form that it has; None where it has none of them, or a part of it is empty.

    >>> match_named("deepinv:DRUNet:drunet.pth", ["tv", "deepinv:NAME:PATH"]).model
    'DRUNet'

    Args:
        value: what the user gave.
        forms: "family", "family:PATH" and "family:MODEL:PATH" in any number; what follows the last colon of a form is a
            path, which may have colons of its own.
    """
    for form in forms if isinstance(value, str) else ():
        family, *fields = form.split(":")
        given, *parts = str(value).split(":", len(fields))
        if given == family and len(parts) == len(fields) and all(parts):
            return Named(family, parts[0] if len(parts) > 1 else "", Path(parts[-1]) if parts else None)
    return None


def split_named(argument: str, value: object, forms: Sequence[str], wanted: str) -> Named:
    """``match_named``, for a value that must have one of the forms.

    Args:
        argument: its name, for errors.
        value: what the user gave.
        forms: as in ``match_named``.
        wanted: what would work, for errors.

    Raises:
        ArgumentError: ``value`` has none of the forms, or a part of it is empty.
    """
    named = match_named(value, forms)
    if named is None:
        raise ArgumentError(argument, value, wanted)
    return named


def resolve_named(argument: str, value: object, forms: Sequence[str], wanted: str) -> Named:
    """``split_named``, for a checkpoint that must exist already.

    Raises:
        ArgumentError: As ``split_named``, and for a path where nothing is.
    """
    named = split_named(argument, value, forms, wanted)
    if named.path is not None and not os.path.exists(named.path):
        raise ArgumentError(argument, value, "a name with the path of a checkpoint file that exists")
    return named


def listed(forms: Sequence[str], otherwise: str) -> str:
    """The forms in quotation marks, for errors: '"dis", "raft:CHECKPOINT" or a callable'."""
    return f"{', '.join(f'"{form}"' for form in forms)} or {otherwise}"
