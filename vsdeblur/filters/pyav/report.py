"""What a job did, and how long the rest of it will take."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

log = logging.getLogger("vsdeblur")

# progress(outputs done, outputs in all or None where unknown, seconds so far, bytes of memory in use)
Progress = Callable[[int, int | None, float, int], None]

_MOST_REMARKS = 1000


@dataclass(slots=True)
class Report:
    """The outcome of :func:`vsdeblur.filters.pyav.transcode`.

    source, output: as given. frames_in: decoded and used; repeats: of these, found to repeat the one before, and not
    taken for exposures; frames_out: written; resumed: of these, done by an earlier run. seconds: wall time of this
    run. Rates in frames per second, exact; None where the source has none. shutter: the open part of the period that
    was taken, None where each chunk found its own; shutter_from: where it comes from. readout, readout_from: the same
    of the rolling shutter's readout. transfer, transfer_from: of the transfer function, None by the tags. gyro: what a
    gyroscope was good for, empty where there is none. adapted: which weights were kept where the networks learned from
    the clip first (``vsdeblur transcode --adapt``), else empty. ways: the mean shares of the picture by how they were
    restored, where a map was asked for. warnings: what was left out or changed, and other remarks. lost: of these, what
    is on the source and not on the output. nodes: outputs by the machine of a cluster that made them. errors: what of
    the source could not be read, with its time.
    """

    source: str
    output: str
    frames_in: int = 0
    repeats: int = 0
    frames_out: int = 0
    resumed: int = 0
    seconds: float = 0.0
    source_rate: Fraction | None = None
    output_rate: Fraction | None = None
    codec: str = ""
    pixel_format: str = ""
    width: int = 0
    height: int = 0
    shutter: float | None = None
    shutter_from: str = ""
    readout: float = 0.0
    readout_from: str = ""
    transfer: str | None = None
    transfer_from: str = ""
    gyro: str = ""
    adapted: str = ""
    ways: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Whether something of the source is missing or damaged in the output."""
        return bool(self.errors)

    def as_dict(self) -> dict[str, Any]:
        """All fields and ``partial``, fit for JSON: rates as strings such as "60000/1001"."""
        plain = asdict(self)
        for name in ("source_rate", "output_rate"):
            plain[name] = None if plain[name] is None else str(plain[name])
        return {**plain, "partial": self.partial}

    def lose(self, message: str) -> None:
        """Note once what is on the source and will not be on the output, and warn of it."""
        if message not in self.lost and len(self.lost) < _MOST_REMARKS:
            self.lost.append(message)
            self.warn(message)

    def warn(self, message: str) -> None:
        """Note a warning once, and log it."""
        if message not in self.warnings and len(self.warnings) < _MOST_REMARKS:
            self.warnings.append(message)
            log.warning("%s", message)


def eta(done: int, total: int | None, seconds: float) -> float | None:
    """Seconds that the rest will take at the rate so far; None while nothing is known."""
    if not done or total is None:
        return None
    return seconds * max(total - done, 0) / done
