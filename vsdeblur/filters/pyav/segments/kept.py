"""Settings that are kept beside segments, for the job that joins them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

from vsdeblur.errors import ArgumentError

_NOT_KEPT = ("segment", "overwrite")  # of one call alone


def kept_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a user gave them, fit for JSON, of which another job is made that joins the segments.

    Raises:
        ArgumentError: For what has no name, such as a function.
    """
    return {name: _plain(name, value) for name, value in given.items() if name not in _NOT_KEPT}


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Rational):
        return str(Fraction(int(value.numerator), int(value.denominator)))
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(name, one) for one in value]
    raise ArgumentError(name, value, "a name or a number with {segment}, which another job joins")
