"""Formulas become MathML, which browsers show without any script or font from elsewhere."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from latex2mathml.converter import convert

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write what pymdownx.arithmatex marked."""

    def written(formula: re.Match[str]) -> str:
        latex = unescape(formula[2]).strip()
        if formula[1] == "span":
            return convert(latex)
        return f'<div class="formula">{convert(latex, display="block")}</div>'

    return _FORMULA.sub(written, html)
