"""The settings that the page has, from the table of settings: the names, values and messages of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from vsdeblur.errors import ArgumentError
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.setting import NONE, Setting
from vsdeblur.settings.table import TABLE, TRANSCODE, checked

MAIN = ("factor", "shutter", "preset", "mode")
# Without those that name further files to be read or written.
MORE = (
    *("fps", "slow", "out_shutter", "readout", "transfer", "prior", "max_memory", "device", "start", "duration"),
    *("codec", "crf", "pixel_format", "source_fps", "matrix", "range", "primaries"),
    *("duplicates", "progressive", "strict", "overwrite"),
)
SHOWN = frozenset(MAIN + MORE)
_PRIORS = (NONE, "tv", "video", "internal")
_TYPICAL = {"factor": ("2", "4", "8"), "shutter": ("auto", "180deg", "1/60s", "0.8", "1.0")}


def words(name: str) -> str:
    """The option of a setting."""
    return f"--{name.replace('_', '-')}"


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were chosen, as text, numbers and flags that the command line and Python both take.

    Args:
        given: By name, as the page sends them; empty ones and defaults are left out.

    Raises:
        ArgumentError: For what cannot be honoured, in the command line's words.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in SHOWN:
            raise ArgumentError(name, value, "left out: the page has no such setting")
        setting = TABLE[name]
        if isinstance(setting.default, bool):
            if bool(value) is not setting.default:
                found[name] = bool(value)
        elif str(value).strip() not in ("", str(setting.default)):
            found[name] = _number(str(value).strip()) if name == "crf" else str(value).strip()
    if found.get("prior") not in (None, *_PRIORS):
        raise ArgumentError("prior", found["prior"], f"one of {', '.join(_PRIORS)} on this page")
    for name, value in found.items():
        if not _of_file(TABLE[name], value):
            checked(name, value)
    refuse_unused(TRANSCODE, found)
    return found


def _of_file(setting: Setting, value: object) -> bool:
    """Whether a value can only be checked with the file: one that files alone answer, or a time of a frame period."""
    extra = setting.extras.get(str(value))
    timed = setting.timed and re.search(r"s$|^1/", str(value)) is not None
    return timed or (extra is not None and TRANSCODE.name in extra.faces)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def fields(names: tuple[str, ...]) -> str:
    """HTML of the controls of some settings."""
    return "".join(_field(TABLE[name]) for name in names)


def _field(setting: Setting) -> str:
    name = setting.name
    usual = setting.usual or ("" if setting.default in (None, False, True) else str(setting.default))
    extras = [value for value, extra in setting.extras.items() if TRANSCODE.name in extra.faces]
    values = ", ".join(filter(None, [setting.values, *extras]))
    about = setting.summary + (f": {values}" if values else "") + "."
    label = f'<span class="name">{escape(words(name)[2:])}</span>'
    hint = f'<small id="about-{name}">{escape(about)}</small>'
    common = f'name="{name}" aria-describedby="about-{name}"'
    if isinstance(setting.default, bool):
        ticked = " checked" if setting.default else ""
        return f'<label class="tick"><input type="checkbox" {common}{ticked}>{label}{hint}</label>'
    choices = _PRIORS if name == "prior" else setting.choices
    if choices:
        default = setting.default if setting.default in choices else ""
        listed = [""] if default == "" else []
        options = "".join(
            f'<option value="{escape(one)}"{" selected" if one == default else ""}>{escape(one or usual)}</option>'
            for one in (*listed, *choices)
        )
        return f"<label>{label}<select {common}>{options}</select>{hint}</label>"
    typical = "".join(f'<option value="{escape(one)}">' for one in _TYPICAL.get(name, ()))
    data = f'<datalist id="typical-{name}">{typical}</datalist>' if typical else ""
    listing = f' list="typical-{name}"' if typical else ""
    value = "4" if name == "factor" else ""
    return (
        f'<label>{label}<input type="text" {common}{listing} value="{value}" placeholder="{escape(usual)}" '
        f'autocomplete="off" spellcheck="false">{data}{hint}</label>'
    )
