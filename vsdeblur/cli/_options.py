"""The options of commands, from the table of settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.core import ParameterSource

from vsdeblur.errors import ArgumentError
from vsdeblur.settings.setting import Setting
from vsdeblur.settings.table import TABLE, Face

_CUTS = "on, off, props or frame numbers such as 120,480"


def settings_options[F: Callable[..., Any]](face: Face) -> Callable[[F], F]:
    """The options of all settings of a command. Those that are not given have no value, or False."""

    def decorate(command: F) -> F:
        for name in reversed(list(face.settings)):
            command = setting_option(name, face)(command)
        return command

    return decorate


def setting_option[F: Callable[..., Any]](name: str, face: Face | None = None, **changes: Any) -> Callable[[F], F]:
    """The option of one setting; ``changes`` are arguments of ``click.option`` that differ."""
    setting = TABLE[name]
    words = "--" + name.replace("_", "-")
    kind: dict[str, Any] = {"metavar": setting.metavar or "NAME", "default": None}
    if isinstance(setting.default, bool) and name != "scene_cuts":
        kind = {"default": None} if setting.default else {"is_flag": True}
        words = f"{words}/--no-{name}" if setting.default else words
    elif setting.choices:
        kind = {"type": click.Choice(setting.choices), "default": None}
    elif name == "crf":
        kind["type"] = float
    elif name == "scene_cuts":
        kind["callback"] = _given(scene_cuts)
    elif name == "encoder_options":
        words, kind = words[:-1], {"metavar": setting.metavar, "multiple": True, "callback": _given(encoder_options)}
    return click.option(words, name, **{"help": help_text(setting, face.name if face else ""), **kind, **changes})


def help_text(setting: Setting, face: str) -> str:
    """What an option means, which values it takes, and what counts without it."""
    extras = [value for value, extra in setting.extras.items() if face in extra.faces]
    values = ", ".join(filter(None, [setting.values, *extras]))
    text = f"{setting.summary}: {values}" if values else setting.summary
    text += "" if text.endswith("...") else "."
    usual = setting.usual or setting.default_of(face)
    if usual is None or isinstance(usual, bool):
        usual = setting.name if usual else ""
    return f"{text}  [default: {usual}]" if str(usual) else text


def refuse_given(names: Iterable[str], reason: str) -> None:
    """Refuse options that were given to the present command, and have no effect. Raises ArgumentError."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ArgumentError(name, context.params[name], f"left out {reason}")


def option_words(command: click.Command) -> dict[str, str]:
    """The words of a command for its arguments: ``--max-memory`` for ``max_memory``."""
    words = {"src": "IN", "dst": "OUT"}
    for parameter in command.params:
        if parameter.name and isinstance(parameter, click.Option):
            words[parameter.name] = max(parameter.opts, key=len)
    return words


def scene_cuts(value: str) -> bool | str | list[int]:
    """on, off, props, or frame numbers with commas between them."""
    if value in ("on", "off"):
        return value == "on"
    if value == "props":
        return value
    if re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", value):
        return [int(number) for number in value.split(",")]
    raise ArgumentError("scene_cuts", value, _CUTS)


def encoder_options(values: tuple[str, ...]) -> dict[str, str]:
    """k=v, as often as given."""
    out: dict[str, str] = {}
    for value in values:
        key, equals, setting = value.partition("=")
        if not equals or not key.strip():
            raise ArgumentError("encoder_options", value, "KEY=VALUE such as tune=film")
        out[key.strip()] = setting
    return out


def _given(parse: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback of click that parses what was given."""
    return lambda context, parameter, value: None if value is None or value == () else parse(value)
