"""The table of the settings page, made from the one table of settings that the package has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vsdeblur.settings.table import FACES, TABLE

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from vsdeblur.settings.setting import Setting

MARK = "<!-- settings: table -->"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the table in the place of its mark."""
    if MARK not in markdown:
        return markdown
    headings = re.findall(r"^## (.+)$", markdown, re.MULTILINE)
    sections = {name: heading for heading in headings for name in heading.split(", ")}
    return markdown.replace(MARK, settings_table(sections))


def settings_table(sections: dict[str, str]) -> str:
    """One row for each setting: its name, values, default, the faces that have it, and its meaning in a few words.

    sections: of settings with a section of their own, its heading.
    """
    rows = ["| setting | must be | default | of | meaning |", "|---|---|---|---|---|"]
    for name, setting in TABLE.items():
        faces = [face.name for face in FACES if name in face.names]
        linked = f"[`{name}`](#{sections[name].replace(', ', '-')})" if name in sections else f"`{name}`"
        wanted = setting.wanted.replace("{none}", "None")
        where = "all" if len(faces) == len(FACES) else ", ".join(faces)
        cells = (linked, wanted, defaults(setting, faces), where, setting.summary)
        rows.append("| " + " | ".join(map(escaped, cells)) + " |")
    return "\n".join(rows)


def defaults(setting: Setting, faces: list[str]) -> str:
    """The default, with what it stands for, and those of faces that have another one."""
    usual = f" ({setting.usual})" if setting.usual else ""
    others = [f"`{value!r}` in {face}" for face, value in setting.defaults.items() if face in faces]
    return ", ".join([f"`{setting.default!r}`{usual}", *others])


def escaped(text: str) -> str:
    """Fit for a cell of a table."""
    return text.replace("|", "\\|")
