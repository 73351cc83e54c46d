"""The output file: written under a temporary name beside it, and given its own name only when it is whole."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
from av.format import Flags
from av.packet import Packet

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import check_target, reason, written
from vsdeblur.filters.pyav.file.reading import for_ffmpeg

__all__ = ["check", "format_of", "muxer", "opened", "put", "written"]

# What FFmpeg writes into mp4 and mov where every program looks for it. Other tags (a camera's firmware, a phone's
# model) survive only when all go into another place, where fewer programs look.
_CLASSIC = {
    "mp4": "title artist album album_artist comment genre copyright description synopsis composer date keywords",
    "mov": "title artist album comment genre copyright date make model",
}
_UBIQUITOUS = re.compile(r"creation_time|location(-.*)?|encoder")


def check(path: Path, source: str, overwrite: bool, trial: bool = True) -> None:
    """Refuse, before any work, a target that cannot or must not be written. trial: see ``check_target``."""
    if os.path.exists(path) and not path.is_file():
        raise ArgumentError("dst", str(path), "a file name (use - for y4m on standard output)")
    check_target(path, source, overwrite, trial=trial)
    if path.suffix.lower() != ".y4m":
        format_of(path)


def format_of(path: Path) -> str:
    """The container format by the file name's end, as FFmpeg guesses it. Raises ArgumentError."""
    try:
        with av.open(f"name{path.suffix}", "w") as container:  # no file appears before the header is written
            name, codec = str(container.format.name), container.default_video_codec
            many = bool(Flags.no_file & Flags(container.format.flags))  # files of their own naming: HLS, DASH, pictures
    except (av.error.FFmpegError, ValueError):
        name, codec, many = "none", "none", False
    if codec == "none" or many or name == "mp3":
        raise ArgumentError("dst", str(path), "a name that ends in .mp4, .mkv, .mov or another video format")
    return name


@contextmanager
def opened(path: Path, final: Path) -> Iterator[BinaryIO]:
    """A binary file at ``path``, for the target ``final``."""
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise DeblurError(f"cannot write {final}: {reason(error)}") from None


@contextmanager
def muxer(path: Path, final: Path, tags: Iterable[str]) -> Iterator[Any]:
    """An output container at ``path``, for the target ``final``; its failures come out as DeblurError.

    tags: the names of the metadata that will be written.
    """
    container = None
    name = format_of(final)
    options = muxer_options(name, tags)
    try:
        container = av.open(for_ffmpeg(path), "w", format=name, container_options=options)
        yield container
        container.close()
        if options:
            _rename_second_creation_time(path)
    except (av.error.FFmpegError, OSError) as error:
        raise DeblurError(f"cannot write {final}: {reason(error)}") from None
    finally:
        if container is not None:
            with contextlib.suppress(Exception):
                container.close()


def muxer_options(container: str, tags: Iterable[str]) -> dict[str, str]:
    """Options of a muxer, for metadata with these names."""
    classic = _CLASSIC.get(container)
    special = classic is not None and any(
        tag.lower() not in classic.split() and not _UBIQUITOUS.fullmatch(tag.lower()) for tag in tags
    )
    return {"movflags": "use_metadata_tags"} if special else {}


def put(output: Any, packets: Iterable[Packet[Any]], note: Callable[[str], None]) -> None:
    """Mux packets. One that the container refuses (a damaged sound packet that was copied) is noted and left out."""
    for packet in packets:
        stream, time = packet.stream, (packet.pts or 0) * float(packet.time_base)
        try:
            output.mux_one(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            note(f"a packet near {time:.3f} s ({stream.type}) could not be written: {reason(error)}")


def _rename_second_creation_time(path: Path) -> None:
    """With use_metadata_tags FFmpeg writes the time into the header, where it belongs, and as a key as well.

    Readers then find two and join them ("2020-..;2020-.."), so the key gets another name of the same length.
    """
    with path.open("rb+") as file:
        file.seek(max(path.stat().st_size - (1 << 20), 0))
        begin = file.tell()
        found = file.read().rfind(b"mdtacreation_time")
        if found >= 0:
            file.seek(begin + found)
            file.write(b"mdtacreation_date")
