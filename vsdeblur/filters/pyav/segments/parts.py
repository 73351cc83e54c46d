"""The folder of a target's finished segments, ``OUT.vsdeblur-parts``: each a file of packets and a record of it.

Nothing in it is taken that does not fit its checksum, nothing is opened that is no regular file, and nothing is
removed that is not by its name a file of this module.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from av.packet import Packet

from vsdeblur.engine.grid import Spans
from vsdeblur.errors import DeblurError
from vsdeblur.files import reason, remove_dead, written
from vsdeblur.filters.pyav.segments.packets import PacketWriter, checksum, read_packets
from vsdeblur.filters.pyav.segments.record import Record
from vsdeblur.stores.local import PARTS

_OWN = re.compile(r"(\d{6,18}|\d{1,9}-of-\d{1,9})\.(packets|json)")
_END = Spans().stop


class Parts:
    """Finished segments of one target.

    Attributes:
        folder: That they lie in.
        damaged: Those that do not check, each with the reason.
        records: Of those that are whole and were made with the same arguments, ascending, none over another.
    """

    def __init__(
        self,
        target: Path,
        arguments: Mapping[str, str] | None,
        chosen: Callable[[str], bool] = lambda part: True,
    ) -> None:
        """Look at what is there.

        Args:
            target: Whose segments they are.
            arguments: What their packets must depend on; None for what the first one says.
            chosen: Which of them are looked at, by their names.

        Raises:
            DeblurError: The folder cannot be used, or holds work done with other arguments.
        """
        self.folder = folder_of(target)
        self.records: list[Record] = []
        self.damaged: list[str] = []
        found = []
        names = list(filter(chosen, self._parts()))
        self._begins = sorted(int(part) for part in names if part.isdecimal())
        for part in names:
            try:
                record = Record.load(self.path(part, ".json"))
                if (record.bytes, record.sha256) != checksum(self.path(part)):
                    raise ValueError("its packets are not those that were written")
                found.append(record)
            except FileNotFoundError:
                self.damaged.append(f"{part}: a file of it is missing")
            except (OSError, ValueError) as error:
                self.damaged.append(f"{part}: {reason(error)}")
        for record in sorted(found, key=lambda one: (one.begin, -one.end)):
            arguments = record.arguments if arguments is None else arguments
            _compare(self.folder, record, arguments)
            if not self.records or (record.begin >= self.records[-1].end and not self.records[-1].last):
                self.records.append(record)

    @property
    def frames(self) -> int:
        """How many output frames are done."""
        return sum(record.frames for record in self.records)

    @property
    def missing(self) -> Spans:
        """The chunks that are not done, in the segments that they were in."""
        ranges: list[range] = []
        done = 0
        for record in self.records:
            ranges += self._divided(done, record.begin)
            done = _END if record.last else record.end
        return Spans((*ranges, *self._divided(done, _END)))

    def compare(self, arguments: Mapping[str, str]) -> None:
        """Refuse arguments that the segments were not made with. Raises DeblurError."""
        for record in self.records:
            _compare(self.folder, record, arguments)

    def path(self, part: str, suffix: str = ".packets") -> Path:
        """Of a segment's packets, or of its record (".json")."""
        return self.folder / (part + suffix)

    @contextmanager
    def written(self, part: str) -> Iterator[PacketWriter]:
        """A segment that is being written by this job alone; one that fails leaves nothing. Raises DeblurError."""
        try:
            self.folder.mkdir(exist_ok=True)
            self.path(part, ".json").unlink(missing_ok=True)  # of the one that is replaced
            with written(self.path(part)) as temporary, temporary.open("wb") as file:
                yield PacketWriter(file)
        except OSError as error:
            raise DeblurError(f"cannot write {self.folder}: {reason(error)}") from None

    def add(self, record: Record) -> None:
        """Keep what is to be known of a segment that is written. Raises DeblurError."""
        record.save(self.path(record.part, ".json"))
        self.records = sorted([*self.records, record], key=lambda one: one.begin)

    def packets(self) -> Iterator[Packet[Any]]:
        """All packets, in decoding order, with decoding times that only grow. Raises DeblurError."""
        last: int | None = None
        for record in self.records:
            count = 0
            try:
                for packet in read_packets(self.path(record.part)):
                    # Variable rates may overlap at a seam.
                    last = packet.dts if last is None else max(packet.dts or 0, last + 1)
                    packet.dts, count = last, count + 1
                    yield packet
                if count != record.packets:
                    raise ValueError(f"it has {count} packets, not {record.packets}")
            except (OSError, ValueError) as error:
                raise DeblurError(f"{self.path(record.part)}: {reason(error)}", "give the command again") from None

    def remove(self) -> None:
        """Remove all segments, and the folder where nothing else is in it."""
        with contextlib.suppress(OSError):
            remove_dead(self.folder, at_rest=0)
            for entry in list(os.scandir(self.folder)):
                if _OWN.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    os.unlink(entry.path)
            self.folder.rmdir()

    def _divided(self, begin: int, end: int) -> list[range]:
        within = [n for n in self._begins if begin < n < end]
        return [range(*one) for one in pairwise((begin, *within, end)) if one[0] < one[1]]

    def _parts(self) -> list[str]:
        """The names of segments that seem to be there."""
        if not os.path.lexists(self.folder):
            return []
        try:
            entries = [entry for entry in os.scandir(self.folder) if _OWN.fullmatch(entry.name)]
        except OSError as error:
            raise DeblurError(f"cannot use {self.folder}: {reason(error)}") from None
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                raise DeblurError(f"{entry.path} is no regular file", "move it away, or delete it")
        # Packets without a record are those of a job that was killed in between.
        return sorted(Path(entry.name).stem for entry in entries if entry.name.endswith(".json"))


def shortened(items: Sequence[str], shown: int = 3) -> str:
    """A list for a message, of which the first ones are named."""
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return "; ".join(items[:shown]) + more


def folder_of(target: Path) -> Path:
    """Where the segments of a target lie."""
    return target.with_name(target.name + PARTS)


def _compare(folder: Path, record: Record, arguments: Mapping[str, str]) -> None:
    for name in sorted(record.arguments.keys() | arguments.keys()):
        was, now = record.arguments.get(name), arguments.get(name)
        if was != now:
            raise DeblurError(
                f"{folder} was made with {name}={was}, not {now}: repeat those arguments to go on, or delete the folder"
            )
