"""The metadata of a picture's file."""

from __future__ import annotations

from dataclasses import dataclass

_COMPONENTS = {b"GRAY": 1, b"RGB ": 3}

FAMILIES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp"}
LOSSY = ("jpeg", "webp")
QUALITY = 95  # of those


@dataclass(frozen=True, slots=True)
class About:
    """exif: a block that begins with a TIFF header. xmp: a packet. icc: a colour profile.

    family: "png", "jpeg", "tiff" or "webp", where it was read. native: pieces of such a file (segments, chunks) that
    can be put into another one as they are, the three above among them. associated: colours are stored times alpha.
    pages: the file has further pictures.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    family: str = ""
    native: tuple[bytes, ...] = ()
    associated: bool = False
    pages: bool = False

    def fits(self, colours: int) -> bool:
        """Whether the profile is one for pictures of so many colours (or there is none)."""
        return self.icc is None or _COMPONENTS.get(self.icc[16:20]) == colours


NOTHING = About()


class BrokenFile(ValueError):
    """A file that ends too soon, or does not match its header."""
