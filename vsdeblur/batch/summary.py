"""What became of every file of a batch, as JSON that a later run goes on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.files import reason, written

NAME, PAGE = "vsdeblur-batch.json", "vsdeblur-batch.html"  # in the output's folder
_VERSION = 1
_MOST_BYTES = 64 << 20
DONE, PARTIAL, FAILED = "done", "partial", "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file.

    Attributes:
        source: Its path within the batch's folder, with "/".
        status: "done"; "partial" where some of it could not be decoded; "failed".
        output: Its path within the output's folder; empty where there is none.
        reason: Why it failed, or what of it could not be decoded, in a line.
        size: Of the source, bytes.
        changed: When the source was changed last, nanoseconds since 1970.
        seconds: That it took.
        report: ``transcode``'s, where there is an output.
    """

    source: str
    status: str
    output: str = ""
    reason: str = ""
    size: int = 0
    changed: int = 0
    seconds: float = 0.0
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Summary:
    """Of a batch.

    Attributes:
        settings: That all files are restored with, as text.
        files: What became of each, in the order in which they were done.
        skipped: Files whose names are not those of videos.
    """

    settings: dict[str, str]
    files: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Files that have an output, the partial ones too."""
        return sum(one.status != FAILED for one in self.files)

    @property
    def failed(self) -> int:
        """Files that have none."""
        return sum(one.status == FAILED for one in self.files)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return all(one.status == DONE for one in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {"vsdeblur_batch": _VERSION, "done": self.done, "failed": self.failed, **asdict(self)}

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all. Raises DeblurError."""
        with written(folder / NAME) as temporary:
            temporary.write_text(json.dumps(self.as_dict(), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Summary | None:
        """The one of an earlier run, None where there is none. Raises DeblurError for a damaged one."""
        path = folder / NAME
        if not path.exists():
            return None
        try:
            if not path.is_file() or path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is no summary")
            found = json.loads(path.read_text("utf-8"))
            if found["vsdeblur_batch"] != _VERSION or not isinstance(found["settings"], dict):
                raise ValueError("it is of another version")
            return cls(found["settings"], [_outcome(one) for one in found["files"]])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DeblurError(f"cannot read {path} ({reason(error)})", "delete it to begin anew") from None


def _outcome(found: dict[str, Any]) -> Outcome:
    outcome = Outcome(**found)
    for name, value in asdict(outcome).items():
        usual = getattr(Outcome("", ""), name)
        if not isinstance(value, type(usual)) and not (isinstance(usual, float) and type(value) is int):
            raise ValueError(f"{name} of a file is wrong")
    return outcome
