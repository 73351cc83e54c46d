"""The errors that vsdeblur raises on purpose: one line each, naming the argument, its value and what would work."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MARK = re.compile(r"\{(\w+)(?:=([^{}]*))?\}")


class DeblurError(Exception):
    r"""Anything a user can mend: a bad argument, an unusable clip, a budget that is too small.

    A hint is put behind the message. Arguments that it names in braces are spelled by each face in its own way:

    >>> error = DeblurError("a.mp4 exists", "choose another name or pass {overwrite}")
    >>> str(error)
    'a.mp4 exists: choose another name or pass overwrite'
    >>> error.on_command_line({"overwrite": "--overwrite"})
    'a.mp4 exists: choose another name or pass --overwrite'
    """

    def __init__(self, message: str = "", hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}: {in_python(hint)}" if hint else message)

    def on_command_line(self, options: Mapping[str, str]) -> str:
        """The message for a command. options: its words for arguments, ``--max-memory`` for ``max_memory``."""
        text = f"{self.message}: {on_command_line(self.hint, options)}" if self.hint else str(self)
        name, must, rest = text.partition(" must be ")  # the form of messages about an argument
        return f"{options.get(name, name)}{must}{rest}"


class ArgumentError(DeblurError, ValueError):
    r"""An argument that cannot be honoured.

    >>> str(ArgumentError("factor", 40, "a number from 1 to 16"))
    'factor must be a number from 1 to 16, not 40'

    Other arguments are named in braces, and None is written so, for each face to spell in its own way:

    >>> error = ArgumentError("max_memory", "2GiB", "{none} with {solver=asap}")
    >>> str(error)
    'max_memory must be None with solver="asap", not \'2GiB\''
    >>> error.on_command_line({"max_memory": "--max-memory", "solver": "--solver"})
    "--max-memory must be left out with --solver asap, not '2GiB'"
    """

    def __init__(self, name: str, value: object, wanted: str) -> None:
        self.name, self.value, self.wanted = name, value, wanted
        super().__init__(f"{name} must be {in_python(wanted)}, not {_short(value)}")

    def on_command_line(self, options: Mapping[str, str]) -> str:
        """The message for a command. options: its words for arguments, ``--max-memory`` for ``max_memory``."""
        name = options.get(self.name, self.name)
        return f"{name} must be {on_command_line(self.wanted, options)}, not {_short(self.value)}"


class UnknownArgumentError(DeblurError, TypeError):
    """An argument by a name that a function does not have."""


class MemoryBudgetError(DeblurError):
    """The smallest plan does not fit the budget; the message says which budget would."""


class BusyError(DeblurError):
    """Another job has what this one needs for itself alone."""


class InputError(DeblurError):
    """A clip or file that cannot be processed, with where and why."""


def in_python(text: str) -> str:
    """Text with the arguments that it names in braces as they are written in Python."""

    def written(mark: re.Match[str]) -> str:
        name, value = mark.groups()
        if value is None:
            return "None" if name == "none" else name
        return f"{name}={value}" if value.isdecimal() else f'{name}="{value}"'

    return _MARK.sub(written, text)


def on_command_line(text: str, options: Mapping[str, str]) -> str:
    """The same as they are written on the command line."""

    def written(mark: re.Match[str]) -> str:
        name, value = mark.groups()
        if name == "none":
            return "left out"
        option = options.get(name, name)
        return option if value is None else f"{option} {value}"

    return _MARK.sub(written, text)


def _short(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an integer of too many digits
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."
