"""``takes``: what makes a function with ``**settings`` show, document and check the names of its settings."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from typing import Any, cast

from vsdeblur.errors import UnknownArgumentError
from vsdeblur.settings.setting import Setting
from vsdeblur.settings.table import Face

_PLACE = re.compile(r"^( *)\*\*settings:.*\n(?:\1 +.*\n)*", re.MULTILINE)
_WIDTH = 120


def takes[F: Callable[..., Any]](face: Face) -> Callable[[F], F]:
    """Decorate a function whose keyword arguments ``**settings`` are those of a face.

    Its signature then has a keyword for each, its docstring an entry in place of ``**settings``, and a wrong name is
    answered by the closest right one.
    """

    def decorate(function: F) -> F:
        shown = signature(function, face)

        @wraps(function)
        def named(*positional: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in shown.parameters:
                    raise UnknownArgumentError(_unknown(face.name, name, list(shown.parameters)))
            return function(*positional, **keywords)

        named.__signature__ = shown  # type: ignore[attr-defined]
        named.__doc__ = documented(function.__doc__ or "", face)
        return cast("F", named)

    return decorate


def signature(function: Callable[..., Any], face: Face) -> inspect.Signature:
    """The signature with a keyword for each setting in place of ``**settings``."""
    plain = inspect.signature(function)
    own = [part for part in plain.parameters.values() if part.kind is not part.VAR_KEYWORD]
    taken = {part.name for part in own}
    settings = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=setting.default_of(face.name), annotation=setting.type
        )
        for name, setting in face.settings.items()
        if name not in taken
    ]
    return plain.replace(parameters=[*own, *settings])


def documented(text: str, face: Face) -> str:
    """A docstring in Google style with an entry for each setting, but for those it has, in place of ``**settings``."""
    place = _PLACE.search(text)
    if place is None:
        return text
    indent = place[1]
    entries = [
        _entry(setting, face, indent)
        for name, setting in face.settings.items()
        if not re.search(rf"^{indent}{name}:", text, re.MULTILINE)
    ]
    return text[: place.start()] + "".join(entries) + text[place.end() :]


def meaning(setting: Setting, face: Face) -> str:
    """What a setting means in one face, in sentences."""
    parts = [setting.detail or f"{setting.summary}.", setting.by_face.get(face.name, "")]
    parts += [extra.meaning for extra in setting.extras.values() if face.name in extra.faces]
    return " ".join(filter(None, parts))


def _entry(setting: Setting, face: Face, indent: str) -> str:
    text = f"{setting.name}: {meaning(setting, face)}"
    lines = textwrap.wrap(text, _WIDTH - len(indent), subsequent_indent="    ", break_long_words=False)
    return textwrap.indent("\n".join(lines), indent) + "\n"


def _unknown(face: str, name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1, 0.5)
    where = f"help({face}) lists those that there are"
    return f"{face} has no argument {name!r}: " + (f"did you mean {close[0]}?" if close else where)
