"""Pages of the site from files outside docs/, and links to them.

Links out of docs/ (``../benchmarks/results/quality.md``) work where the repository is read; here those files become
pages or downloads of the site, and the links are turned to them. Links to other files of the repository, if these
exist, become their paths.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {  # pattern below the repository's root -> folder of the site, or the name of a single file
    "benchmarks/results/*.md": "results/",
    "benchmarks/README.md": "benchmarks.md",
    "vsdeblur/weights/*.md": "cards/",
    "examples/*": "examples/",
    "examples/drop/*": "examples/",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"(!?)\[([^]]*)]\(([^)#\s]+)(#[^)\s]*)?\)")


def site_path(path: str) -> str | None:
    """Where the site has a file of the repository, by its path from the root; None where it has not."""
    for pattern, target in OUTSIDE.items():
        if fnmatch(path, pattern):
            return target + posixpath.basename(path) if target.endswith("/") else target
    return posixpath.relpath(path, "docs") if path.startswith("docs/") else None


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that pages link to."""
    for pattern in OUTSIDE:
        for path in filter(Path.is_file, sorted(ROOT.glob(pattern))):
            name = path.relative_to(ROOT).as_posix()
            target = site_path(name)
            assert target is not None
            files.append(File.generated(config, target, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the repository into links within the site."""
    source = page.file.abs_src_path
    assert source is not None
    folder = Path(source).parent.relative_to(ROOT).as_posix()
    here = posixpath.dirname(page.file.src_uri)

    def turned(link: re.Match[str]) -> str:
        image, text, address, anchor = link.groups()
        if "://" in address:
            return link[0]
        path = posixpath.normpath(posixpath.join(folder, address))
        target = site_path(path)
        if target is None:
            return f"`{path}`" if (ROOT / path).exists() else link[0]
        return f"{image}[{text}]({posixpath.relpath(target, here or '.')}{anchor or ''})"

    return _LINK.sub(turned, markdown)
