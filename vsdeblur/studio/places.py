"""The folders that the page may read from and write to, and what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason

_VIDEOS = re.compile(
    r".*\.(3gp|avi|dv|gif|insv|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|mxf|ogv|360|ts|vob|webm|webp|wmv|y4m)", re.IGNORECASE
)
_MOST = 500  # entries of a folder that are listed
_LISTS = (b"#EXTM3U", b"ffconcat")  # files that lead to others


class OutsideError(DeblurError):
    """A path outside the folders that were opened."""


class Places:
    """Folders, with all that is in them."""

    def __init__(self, given: Sequence[Path]) -> None:
        """given: folders, and files for the folders that they lie in. Raises DeblurError where there is none such."""
        found: list[Path] = []
        for path in given:
            try:
                real = path.expanduser().resolve(strict=True)
            except (OSError, RuntimeError, ValueError) as error:
                raise DeblurError(f"{path}: {reason(error)}") from None
            found.append(real if real.is_dir() else real.parent)
        self.folders = tuple(dict.fromkeys(found))

    def file(self, text: str) -> Path:
        """An existing file by its path. Raises OutsideError, DeblurError."""
        path = self._inside(text, strict=True)
        if not path.is_file():
            raise DeblurError(f"{path} is no file")
        return checked_file(path)

    def target(self, text: str) -> Path:
        """A path that may be written, in a folder that exists. Raises OutsideError, DeblurError."""
        path = self._inside(text, strict=False)
        if not path.parent.is_dir():
            raise DeblurError(f"there is no folder {path.parent}")
        return path

    def listing(self, text: str) -> dict[str, Any]:
        """The folders and videos in a folder, by name: its path, the one above, and entries (name, whether a folder).

        Raises OutsideError, DeblurError.
        """
        folder = self._inside(text, strict=True) if text else self.folders[0]
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name.lower())
            kept = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise DeblurError(f"{folder}: {reason(error)}") from None
        shown = [(name, is_folder) for name, is_folder in kept if is_folder or _VIDEOS.fullmatch(name)]
        above = folder.parent
        return {
            "path": str(folder),
            "above": str(above) if self._holds(above) else None,
            "entries": sorted(shown[:_MOST], key=lambda entry: not entry[1]),
            "places": [str(place) for place in self.folders],
        }

    def _inside(self, text: str, *, strict: bool) -> Path:
        """The real path; links are followed before it is looked where it lies."""
        try:
            path = Path(text.strip().strip('"')).expanduser()
            path = (path if path.is_absolute() else self.folders[0] / path).resolve()
            there = path.exists()
        except (OSError, RuntimeError, ValueError) as error:
            raise DeblurError(f"{text[:200]}: {reason(error)}") from None
        if not self._holds(path):
            raise OutsideError(
                f"{path} lies outside of {', '.join(map(str, self.folders))}: start vsdeblur studio with its folder, "
                "or drop the file on the page"
            )
        if strict and not there:
            raise DeblurError(f"there is no {path}")
        return path

    def _holds(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self.folders)


def checked_file(path: Path) -> Path:
    """The file. Raises DeblurError for one that cannot be read, and for lists that lead to other files."""
    try:
        with path.open("rb") as file:
            begin = file.read(16)
    except OSError as error:
        raise DeblurError(f"{path}: {reason(error)}") from None
    if begin.startswith(_LISTS):
        raise DeblurError(f"{path.name} is a list of other files: open these")
    return path
