"""What jobs gave, kept in a folder: index.json, and the parts of every job as arrays."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = ("torch", "numpy", "opencv-python", "av", "vapoursynth")


@dataclass(frozen=True, slots=True)
class Outcome:
    """seconds: that the job took. source: hash of the job's code. error: what it raised, empty where it ran."""

    seconds: float
    source: str
    error: str


class Outcomes:
    """The folder; ``index`` has the jobs that are in it, ``commit`` is that of the checkout where it is known."""

    def __init__(self, folder: Path, made_with: dict[str, str] | None = None, commit: str | None = None) -> None:
        """made_with: versions, for a folder that is written to; None reads one that is there."""
        self.folder = folder
        kept: dict[str, Any] = (
            json.loads(self._file.read_text()) if self._file.exists() else {"jobs": {}, "versions": made_with}
        )
        self.made_with: dict[str, str] = made_with or kept["versions"]
        self.commit: str | None = commit if made_with else kept.get("commit")
        self.index: dict[str, Outcome] = {}
        if kept["versions"] == self.made_with and kept.get("commit") == self.commit:  # of others they are no reference
            self.index = {name: Outcome(**values) for name, values in kept["jobs"].items()}

    @property
    def _file(self) -> Path:
        return self.folder / "index.json"

    def save(self, name: str, outcome: Outcome, parts: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._parts(name).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **parts)
        self.index[name] = outcome
        jobs = {key: asdict(value) for key, value in self.index.items()}
        kept = {"versions": self.made_with, "commit": self.commit, "jobs": jobs}
        self._file.write_text(json.dumps(kept, indent=1) + "\n")

    def parts(self, name: str) -> dict[str, np.ndarray[Any, Any]]:
        with np.load(self._parts(name)) as stored:
            return {label: stored[label] for label in stored.files}

    def _parts(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', '.').replace(':', '-')}.npz"


def versions() -> dict[str, str]:
    """Of everything that the bytes depend on besides the package: those of other versions are not comparable."""
    processor = next((line for line in _processor() if line.startswith("model name")), platform.machine())
    return {"python": platform.python_version(), "processor": processor} | {name: version(name) for name in _PACKAGES}


def _processor() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []
