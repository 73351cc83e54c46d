"""The look that all pages share."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files


def page(title: str, body: str, script: str = "") -> str:
    """HTML that loads nothing, in the light or the dark as the reader's system is.

    Args:
        title: Of the window, as text.
        body: HTML.
        script: JavaScript, after the body.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{asset('look.css')}</style></head>"
        f"<body>{body}{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


@cache
def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("vsdeblur.pages").joinpath(name).read_text("utf-8")
