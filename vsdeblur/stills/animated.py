"""Animations among files of still pictures: APNG and animated WebP, which are videos."""

from __future__ import annotations

import struct
from pathlib import Path

_PNG, _CHUNKS = b"\x89PNG\r\n\x1a\n", 100  # of a PNG, among which the one of an animation is looked for
_ANIMATED = 2  # flag of VP8X


def is_animated(path: Path) -> bool:
    """Whether a file is an animated PNG or WebP; False where there is no file."""
    try:
        with path.open("rb") as file:
            head = file.read(21)
            if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
                return bool(head[-1] & _ANIMATED) and len(head) == 21
            if head[:8] != _PNG:
                return False
            file.seek(8)
            for _ in range(_CHUNKS):
                begin = file.read(8)
                if len(begin) < 8 or begin[4:] == b"IDAT":  # the chunk of an animation comes before
                    return False
                if begin[4:] == b"acTL":
                    return True
                file.seek(struct.unpack(">I", begin[:4])[0] + 4, 1)
    except OSError:
        pass
    return False
