"""How a file is opened and read: FFmpeg's names of files, the part that is wanted, the tags that are taken."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from vsdeblur.colour.tags import UNSPECIFIED, is_known_matrix, usual_matrix
from vsdeblur.errors import InputError
from vsdeblur.files import reason
from vsdeblur.settings import checked
from vsdeblur.settings.files import Reading
from vsdeblur.settings.transfers import MATRICES, PRIMARIES, RANGES

_RAW = re.compile(r"\.(r3d|braw|crm|ari|nev|cine|mcraw|c?dng|cr[23]|nef|arw|raf|orf|rw2)", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_BT2020, _PQ, _HLG = 9, 16, 18


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What is read of a file, and how: checked settings of these names (``vsdeblur.settings.files``)."""

    start: Fraction | None = None
    duration: Fraction | None = None
    max_side: int | None = None
    source_fps: Fraction | None = None
    matrix: str | None = None
    range: str | None = None
    primaries: str | None = None
    progressive: bool = False
    gyro: str | None = None

    @classmethod
    def taken_from(cls, given: MutableMapping[str, Any]) -> ReadOptions:
        """From settings as a user gave them, of which they are taken out; others stay. Raises ArgumentError."""
        names = [name for name in Reading.__annotations__ if name in given]
        return cls(**{name: checked(name, given.pop(name)) for name in names})


WHOLE = ReadOptions()


class Retagger:
    """Puts the tags into frames by which their values are read: those given, and others for impossible ones."""

    def __init__(self, options: ReadOptions, warn: Callable[[str], None]) -> None:
        self._options, self._warn = options, warn

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The same frame."""
        options = self._options
        if options.range is not None:
            frame.color_range = RANGES[options.range]
        if options.primaries is not None:
            frame.color_primaries = PRIMARIES[options.primaries]
        if frame.format.is_rgb or len(frame.format.components) < 3:
            return frame
        if options.matrix is not None:
            frame.colorspace = MATRICES[options.matrix]
        elif frame.colorspace not in (None, UNSPECIFIED) and not is_known_matrix(frame.colorspace):
            name = _plausible_matrix(frame)
            self._warn(
                f"matrix {int(frame.colorspace)} cannot be that of these YUV frames, or be undone: read as {name}"
            )
            frame.colorspace = MATRICES[name]
        return frame


def _plausible_matrix(frame: av.VideoFrame) -> str:
    if frame.color_primaries == _BT2020 or frame.color_trc in (_PQ, _HLG):
        return "bt2020ncl"
    return usual_matrix(frame.height)


def for_ffmpeg(path: str | os.PathLike[str]) -> str:
    """A name that FFmpeg takes for that of a file, whatever colons it has; addresses (with "://") stay what they are.

    >>> for_ffmpeg("12:30.mp4")
    'file:12:30.mp4'
    """
    name = os.fspath(path)
    return name if _URL.match(name) and not os.path.exists(name) else f"file:{name}"


class StandardInput:
    """Standard input as a file that says how much was read of it."""

    def __init__(self) -> None:
        self.bytes = 0

    def read(self, size: int) -> bytes:
        """Up to so many bytes."""
        data: bytes = sys.stdin.buffer.read(size)
        self.bytes += len(data)
        return data


def open_input(path: str, name: str, feed: StandardInput | None = None) -> Any:
    """The opened container of a file, or of y4m on standard input ("-"). Raises InputError with ``name``."""
    try:
        if path == "-":
            return av.open(feed or StandardInput(), "r", format="yuv4mpegpipe")
        return av.open(for_ffmpeg(path), "r")
    except (av.error.FFmpegError, OSError, ValueError, AttributeError) as error:
        if path == "-":
            why = "it is closed" if sys.stdin is None or sys.stdin.closed else reason(error)
            raise InputError(f"standard input is not y4m: {why}") from None
        raise InputError(f"cannot open {path}: {_detail(Path(path), error)}") from None


def _detail(path: Path, error: Exception) -> str:
    if not os.path.isfile(path):  # or a name that is too long, at which Path.is_file fails
        return reason(error)
    if not path.stat().st_size:
        return "the file is empty"
    if _RAW.fullmatch(path.suffix):
        return "raw footage: export it from the maker's program as ProRes 4444 or as a sequence of TIFF files first"
    return reason(error)
