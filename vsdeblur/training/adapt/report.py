"""What the folder of a run says of it: of which clips it is, how they were filmed, and what became of each network."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vsdeblur.errors import ArgumentError, InputError

REPORT, CLIPS = "adapt.json", "clips.json"


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of one network.

    Attributes:
        network: Of ``ADAPTABLE``.
        kept: Whether the folder holds new weights of it; otherwise the bundled ones.
        gains: dB by which the new weights predict the exposures of each held-out part better.
        steps: Of training.
        seconds: Of training, earlier runs in the folder included.
    """

    network: str
    kept: bool
    gains: tuple[float, ...]
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Adapted:
    """What became of it.

    Attributes:
        networks: What became of each, in the order in which they were asked for.
        seconds: In all.
        shutter: That the clips were taken to have.
        parts: Learned from.
    """

    networks: tuple[Learned, ...]
    seconds: float
    shutter: float
    parts: int


def finished(
    out: Path, clips: Sequence[Path], minutes: float, networks: Sequence[str], shutter: float, transfer: str
) -> Adapted | None:
    """What became of the run in a folder, where it has had that much time for these networks; None otherwise.

    Raises:
        InputError: The run is of other clips, another shutter or another transfer function.
    """
    if not (out / CLIPS).exists():
        return None
    claim(out, clips, shutter, transfer, resume=True)
    found = reported(out)
    try:
        report = json.loads((out / REPORT).read_text())
        learned = tuple(found[name] for name in networks)
        done = Adapted(learned, report["seconds"], report["shutter"], report["parts"])
        return done if report["minutes"] >= minutes else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def reported(out: Path) -> dict[str, Learned]:
    """What the report of a folder says of each network; nothing where there is none that can be read."""
    try:
        found = [Learned(**one) for one in json.loads((out / REPORT).read_text())["networks"]]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {one.network: Learned(one.network, one.kept, tuple(one.gains), one.steps, one.seconds) for one in found}


def claim(out: Path, clips: Sequence[Path], shutter: float | None, transfer: str, resume: bool) -> float | None:
    """Note what the folder's run is of; refuse one that holds another run, or any unless it is to be resumed.

    Returns:
        The shutter, which a run that goes on has from its first part unless it is given.
    """
    for path in clips:
        if not os.path.isfile(path):
            raise InputError(f"{path}: there is no such file")
    record = out / CLIPS
    own = {"clips": [[path.name, path.stat().st_size] for path in clips], "shutter": shutter, "transfer": transfer}
    if record.exists():
        if not resume:
            raise ArgumentError("out", str(out), "a folder without a run, or {resume} given")
        try:
            first = json.loads(record.read_text())
            other = first["clips"] != own["clips"]
        except (OSError, ValueError, TypeError, KeyError):
            other = True
        if other:
            raise InputError(f"{out}: it holds a run of other clips")
        own["shutter"] = shutter = first.get("shutter") if shutter is None else shutter
        for name in ("shutter", "transfer"):
            if own[name] != first.get(name):
                was = "an estimate" if first.get(name) is None else first[name]
                raise InputError(
                    f"{out}: its run has {name} {was}, not {own[name]}: go on with that, or choose a folder"
                )
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(own) + "\n")
    return shutter


def write_report(found: Adapted, out: Path, clips: Sequence[Path], minutes: float, seed: int) -> None:
    """Write what became of a run; what the folder's report says of other networks stays in it."""
    own = {one.network for one in found.networks}
    others = [asdict(one) for name, one in reported(out).items() if name not in own]
    report = asdict(found) | {"minutes": minutes, "seed": seed, "clips": [path.name for path in clips]}
    report["networks"] = others + list(report["networks"])
    (out / REPORT).write_text(json.dumps(report, indent=1) + "\n")
