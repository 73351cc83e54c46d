"""The errors that vsdeblur raises on purpose: one line each, naming the argument, its value and what would work."""

from __future__ import annotations


class DeblurError(Exception):
    """Anything a user can mend: a bad argument, an unusable clip, a budget that is too small."""


class ArgumentError(DeblurError, ValueError):
    """An argument that cannot be honoured.

    >>> str(ArgumentError("factor", 40, "a number from 1 to 16"))
    'factor must be a number from 1 to 16, not 40'
    """

    def __init__(self, name: str, value: object, wanted: str) -> None:
        self.name = name
        super().__init__(f"{name} must be {wanted}, not {_short(value)}")


class MemoryBudgetError(DeblurError):
    """The smallest plan does not fit the budget; the message says which budget would."""


class InputError(DeblurError):
    """A clip or file that cannot be processed, with where and why."""


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."
