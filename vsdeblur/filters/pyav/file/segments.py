"""Resuming: encoded packets are kept in finished segments beside the target, with a manifest of what they are.

A segment is a run of whole chunks; a chunk is a pure function of the source and the arguments, so work can be taken up
at any chunk. Segments are closed about once a minute and are joined at the end by copying their packets.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from av.packet import Packet

from vsdeblur.errors import DeblurError, InputError

SECONDS = 60.0  # of work in one segment: what an interrupt can lose
_VERSION = 1
_HEAD = struct.Struct("<qqqB I")  # pts, dts, duration, key frame, bytes that follow


class Parts:
    """The folder of finished segments of one job: ``dst.vsdeblur-parts``."""

    def __init__(self, target: Path, arguments: Mapping[str, object]) -> None:
        """Raises DeblurError where the folder holds work done with other arguments."""
        self.folder = target.with_name(target.name + ".vsdeblur-parts")
        self.arguments = {name: str(value) for name, value in arguments.items()}
        self.segments: list[dict[str, Any]] = []
        self.complete = False
        self._file: BinaryIO | None = None
        self._started = 0.0
        manifest = self.folder / "manifest.json"
        if manifest.exists():
            self._load(manifest)

    @property
    def chunks(self) -> int:
        """How many chunks are done."""
        return int(self.segments[-1]["chunks"]) if self.segments else 0

    @property
    def frames(self) -> int:
        """How many output frames are done."""
        return sum(int(segment["frames"]) for segment in self.segments)

    def begin(self) -> None:
        """Open the next segment."""
        try:
            self.folder.mkdir(exist_ok=True)
            self._file = self._path(len(self.segments), ".tmp").open("wb")
        except OSError as error:
            raise self._failed(error) from None
        self._started = time.monotonic()

    def write(self, packets: Iterable[Packet[Any]]) -> None:
        """Append packets to the open segment."""
        assert self._file is not None
        for packet in packets:
            if packet.has_sidedata("matroska_block_additional"):
                raise InputError("segments cannot keep the alpha channel of this codec", "leave out {resume}")
            data = bytes(packet)
            head = _HEAD.pack(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, len(data))
            try:
                self._file.write(head + data)
            except OSError as error:
                raise self._failed(error) from None

    @property
    def due(self) -> bool:
        """Whether the open segment has taken long enough to be closed at the next chunk."""
        return self._file is not None and time.monotonic() - self._started >= SECONDS

    def close(self, chunks: int, frames: int) -> None:
        """Finish the open segment: it ends with chunk ``chunks`` - 1 and has ``frames`` frames."""
        if self._file is None:
            return
        number = len(self.segments)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._path(number, ".tmp"), self._path(number))
            self.segments.append({"chunks": chunks, "frames": frames})
            self._save()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._file = None

    def finish(self) -> None:
        """Note that all segments are there."""
        self.complete = True
        self._save()

    def abandon(self) -> None:
        """Throw the open segment away."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                self._path(len(self.segments), ".tmp").unlink()

    def packets(self) -> Iterator[Packet[Any]]:
        """All packets, in decoding order, with timestamps that only grow."""
        last: int | None = None
        for number in range(len(self.segments)):
            try:
                with self._path(number).open("rb") as file:
                    length = os.fstat(file.fileno()).st_size
                    while head := file.read(_HEAD.size):
                        pts, dts, duration, key, size = _HEAD.unpack(head)
                        if size > length - file.tell():
                            raise ValueError
                        packet: Packet[Any] = Packet(file.read(size))
                        dts = dts if last is None else max(dts, last + 1)  # variable rates may overlap at a seam
                        packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
                        last = dts
                        yield packet
            except (OSError, ValueError, struct.error):
                raise DeblurError(f"{self._path(number)} cannot be read: delete {self.folder} and start anew") from None

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int, suffix: str = "") -> Path:
        return self.folder / f"{number:05d}.packets{suffix}"

    def _load(self, manifest: Path) -> None:
        try:
            found = json.loads(manifest.read_text("utf-8"))
            before, segments, complete = found["arguments"], found["segments"], found["complete"]
            if found["version"] != _VERSION or not isinstance(before, dict) or not isinstance(complete, bool):
                raise ValueError
            if not all(0 < segment[name] < 2**40 for segment in segments for name in ("chunks", "frames")):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
            raise DeblurError(f"{manifest} cannot be read: delete {self.folder} and start anew") from None
        for name in sorted(before.keys() | self.arguments.keys()):
            was, now = before.get(name), self.arguments.get(name)
            if was != now:
                raise DeblurError(
                    f"{self.folder} was made with {name}={was}, not {now}: "
                    "repeat those arguments to resume, or delete the folder"
                )
        self.segments, self.complete = list(segments), complete

    def _save(self) -> None:
        manifest = self.folder / "manifest.json"
        content = {
            "version": _VERSION,
            "arguments": self.arguments,
            "segments": self.segments,
            "complete": self.complete,
        }
        temporary = manifest.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(content, indent=1), "utf-8")
            os.replace(temporary, manifest)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> DeblurError:
        return DeblurError(f"cannot write {self.folder}: {error.strerror or error}")
