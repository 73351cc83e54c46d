"""What is known of a finished segment: written beside its packets, and taken only where it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vsdeblur.files import written
from vsdeblur.locks import open_regular

VERSION = 2
_MOST_BYTES = 16 << 20  # of a record
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished segment.

    Attributes:
        part: The stem of its files' names.
        begin: Its first chunk.
        end: The chunk after its last one; of the last segment, any number beyond the source's chunks.
        last: Whether the source ends with it.
        frames: Output frames.
        packets: Packets in its file.
        bytes: Length of that file.
        sha256: Of that file, in hexadecimal digits.
        frames_in: Source frames that were decoded up to its end.
        repeats: Source frames in it that repeat the one before.
        seconds: That it took.
        errors: What of the source could not be read, up to its end.
        source: The source's path.
        arguments: What its packets depend on, as text.
        settings: What a job is made of that joins it, by ``Task.settings``; empty where nobody else joins it.
    """

    part: str
    begin: int
    end: int
    last: bool
    frames: int
    packets: int
    bytes: int
    sha256: str
    frames_in: int
    repeats: int
    seconds: float
    errors: tuple[str, ...]
    source: str
    arguments: Mapping[str, str]
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, found: object) -> Record:
        """From JSON. Raises ValueError for a wrong name, type or number."""
        if not isinstance(found, dict) or found.keys() != _SCHEMA.keys():
            raise ValueError("it has other entries")
        for name, fits in _SCHEMA.items():
            if not fits(found[name]):
                raise ValueError(f"{name} is wrong")
        if found["end"] < found["begin"]:
            raise ValueError("end lies before begin")
        return cls(**{**found, "errors": tuple(found["errors"])})

    def save(self, path: Path) -> None:
        """Write it, whole or not at all. Raises DeblurError."""
        content = asdict(self)
        text = json.dumps({"vsdeblur": VERSION, "sha256": _digest(content), "segment": content}, indent=1)
        with written(path) as temporary:
            temporary.write_text(text, "utf-8")

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read it. Raises OSError and ValueError for what is not as it was written."""
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError("it is too long")
        try:
            found = json.loads(data)
            content = found["segment"]
            if found["vsdeblur"] != VERSION or found["sha256"] != _digest(content):
                raise ValueError("it is damaged, or of another version")
        except (KeyError, TypeError, RecursionError):
            raise ValueError("it is damaged") from None
        record = cls.of(content)
        if record.part != path.stem:
            raise ValueError(f"it is that of {record.part}")
        return record


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: type(value) is kind


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(type(one) is str for one in value)


def _named_texts(value: object) -> bool:
    return isinstance(value, dict) and _texts([*value.keys(), *value.values()])


_SCHEMA: dict[str, Callable[[Any], bool]] = {
    "part": _is(str),
    **dict.fromkeys(("begin", "end", "frames", "packets", "bytes", "frames_in", "repeats"), _count),
    "last": _is(bool),
    "sha256": lambda value: type(value) is str and re.fullmatch("[0-9a-f]{64}", value) is not None,
    "seconds": lambda value: type(value) in (int, float) and 0 <= value < _MOST,
    "errors": _texts,
    "source": _is(str),
    "arguments": _named_texts,
    "settings": lambda value: isinstance(value, dict),
}
assert _SCHEMA.keys() == {field.name for field in fields(Record)}
