"""Damages to what an interrupted job left beside its target, each made from a number."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vsdeblur.files import written

LONG = "9" * 5000
WILD: tuple[Any, ...] = (None, -1, 2**63, 10**30, 1e400, float("nan"), "x", [], {}, [1], True, 1.5, LONG, "../x")


def pick(folder: Path, chance: random.Random, end: str = "") -> Path:
    """One of the files of segments."""
    return chance.choice(sorted(path for path in folder.iterdir() if path.name.endswith(end) and path.is_file()))


def truncated(folder: Path, chance: random.Random) -> None:
    path = pick(folder, chance)
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def flipped(folder: Path, chance: random.Random) -> None:
    path = pick(folder, chance)
    data = bytearray(path.read_bytes())
    for _ in range(2 ** chance.randrange(5)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def emptied(folder: Path, chance: random.Random) -> None:
    pick(folder, chance).write_bytes(b"")


def grown(folder: Path, chance: random.Random) -> None:
    path = pick(folder, chance)
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.randrange(1, 200)))


def swapped(folder: Path, chance: random.Random) -> None:
    """The packets of two segments, their records, or both."""
    ends = chance.choice(((".packets",), (".json",), (".packets", ".json")))
    stems = sorted(path.stem for path in folder.glob("*.json"))
    a, b = chance.sample(stems, 2)
    for end in ends:
        one, other = folder / (a + end), folder / (b + end)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)


def removed(folder: Path, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 4)):
        if any(folder.iterdir()):
            pick(folder, chance).unlink()


def without_video(folder: Path, chance: random.Random) -> None:
    """Records that say that all is there, and no packets."""
    for path in folder.glob("*.packets"):
        path.unlink()


def wild_entries(folder: Path, chance: random.Random) -> None:
    """Wrong types and huge numbers in a record, with a checksum that fits or one that does not."""
    path = pick(folder, chance, ".json")
    found = json.loads(path.read_text())
    content = found["segment"]
    for name in chance.sample(sorted(content), chance.randrange(1, 4)):
        content[name] = chance.choice(WILD[:-1] if name == "settings" else WILD)
    content["bytes"] = chance.choice(WILD)  # without a wild one it might be a record of other work
    if chance.random() < 0.5:
        found["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    if chance.random() < 0.3:
        found[chance.choice(("vsdeblur", "segment"))] = chance.choice(WILD)
    path.write_text(json.dumps(found))


def nested(folder: Path, chance: random.Random) -> None:
    pick(folder, chance, ".json").write_bytes(
        chance.choice((b"[" * 100_000, b"9" * 10_000, b"\xff\xfe", b"{", b"null"))
    )


def no_file(folder: Path, chance: random.Random) -> None:
    """A pipe, a folder or a link in the place of a file."""
    path = pick(folder, chance)
    kind = chance.choice(("pipe", "folder", "link", "broken link"))
    data = path.read_bytes()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
        (path / "foreign.txt").write_text("foreign")
    else:
        elsewhere = folder.parent / "foreign.bin"
        if kind == "link":
            elsewhere.write_bytes(data)
        path.symlink_to(elsewhere)


def folder_is_none(folder: Path, chance: random.Random) -> None:
    """A file, a pipe or a link where the folder of segments is to be."""
    moved = folder.parent / "foreign"
    folder.rename(moved)
    kind = chance.choice(("file", "pipe", "link", "broken link"))
    if kind == "file":
        folder.write_text("foreign")
    elif kind == "pipe":
        os.mkfifo(folder)
    else:
        folder.symlink_to(moved if kind == "link" else folder.parent / "nowhere")


def stale_lock(folder: Path, chance: random.Random) -> None:
    """Temporary files of dead jobs, or what lies under their names."""
    target = folder.with_name(folder.name.removesuffix(".vsdeblur-parts"))
    stem = chance.choice(sorted(path.name for path in folder.glob("*.packets")))
    with written(chance.choice((target, folder / stem)), keep=False) as temporary:
        pass
    kind = chance.choice(("file", "file", "pipe", "folder", "link"))
    if kind == "file":
        temporary.write_bytes(chance.randbytes(100))
    elif kind == "pipe":
        os.mkfifo(temporary)
    elif kind == "folder":
        temporary.mkdir()
    else:
        (folder.parent / "foreign.bin").write_bytes(b"foreign")
        temporary.symlink_to(folder.parent / "foreign.bin")
    if chance.random() < 0.5:
        flipped(folder, chance)


def foreign(folder: Path, chance: random.Random) -> None:
    """Files of others in the folder, and a manifest of an earlier version."""
    (folder / "notes.txt").write_text("foreign")
    (folder / "manifest.json").write_text('{"version": 1, "arguments": {}, "segments": [], "complete": true}')
    (folder / "000000.packets.bak").write_text("foreign")
    (folder / "deep").mkdir()
    (folder / "deep" / "000000.packets").write_text("foreign")
    os.mkfifo(folder / "pipe")
    if chance.random() < 0.5:
        flipped(folder, chance)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "truncated": truncated,
    "flipped": flipped,
    "emptied": emptied,
    "grown": grown,
    "swapped": swapped,
    "removed": removed,
    "without video": without_video,
    "wild entries": wild_entries,
    "nested": nested,
    "no file": no_file,
    "no folder": folder_is_none,
    "stale lock": stale_lock,
    "foreign": foreign,
}
