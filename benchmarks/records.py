"""Results files: written here alone, and by their command, with the commit, the date and the versions they come from.

Each names the code that it measures, as paths of git. ``stale.py`` says which of them are older than that code.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_PROOFS = RESULTS / "identical.json"

_FACES = ("bench", "cli", "stills", "training")
_CALIBRATION = ("calibration", "shutter", "readout", "response")
_ALONE = ("weights/kernels*", "weights/local*", "weights/restoration*")
_LEAST = ("options.py", "errors.py", "files.py", "version.py", "external.py")


def _without(*names: str) -> tuple[str, ...]:
    """The package but for these parts of it, and for the cards of its weights."""
    return ("vsdeblur", *(f":!vsdeblur/{name}" for name in names), ":!vsdeblur/**/*.md")


# What a results file measures; those of SCENES and CALIBRATION on generated scenes too.
HOSTS = _without(*_FACES, "synthetic")
SCENES = _without(*_FACES, *_CALIBRATION, *_LEAST, "filters", "blind", *_ALONE, "weights/shutter*", "priors")
RESTORATION = (*SCENES, ":!vsdeblur/synthetic")
WITH_PRIORS = tuple(path for path in RESTORATION if path != ":!vsdeblur/priors")
BY_FRAME = tuple(path for path in WITH_PRIORS if path != ":!vsdeblur/blind")
CALIBRATION = _without(*_FACES, *_LEAST, "filters", "blind", "priors", *_ALONE)
PICTURES = tuple(f"vsdeblur/{name}" for name in ("blind", "priors", "camera/noise.py", "unet.py", "weights"))
MOTION = tuple(f"vsdeblur/{name}" for name in ("flow", "weights/motion.safetensors", "weights/paths.safetensors"))
DENOISERS = tuple(f"vsdeblur/{name}" for name in ("priors", "unet.py", "weights/denoiser.safetensors"))

_PACKAGES = ("torch", "numpy", "opencv-python", "av", "vapoursynth")
_HEADER = re.compile(r"\A<!-- .*? -->\n\n", re.DOTALL)


def write_results(name: str, values: dict[str, Any], markdown: str, measures: tuple[str, ...]) -> None:
    """results/NAME.json and results/NAME.md, both with where they come from; the table on stdout too.

    measures: the code that the results depend on, as path specifications of git.
    """
    made = {
        "command": _command(),
        "commit": git("rev-parse", "--short=10", "HEAD") or "unknown",
        "uncommitted": bool(git("status", "--porcelain", "--", *measures)),
        "date": _now(),
        "versions": _versions(),
        "measures": list(measures),
    }
    save(RESULTS / name, made, values, markdown)
    print(markdown)


def save(stem: Path, made: dict[str, Any], values: dict[str, Any], markdown: str) -> None:
    """The two files; their digest tells later whether a hand has changed either."""
    stem.parent.mkdir(exist_ok=True)
    made = made | {"digest": digest(values, markdown)}
    _named(stem, "json").write_text(json.dumps({"made": made, **values}, indent=1) + "\n", encoding="utf-8")
    _named(stem, "md").write_text(f"<!-- {_header(made)} -->\n\n{markdown}\n", encoding="utf-8")


def load(stem: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(where it comes from, values, table) of the two files; the first is empty where they do not say."""
    values = json.loads(_named(stem, "json").read_text(encoding="utf-8")) if _named(stem, "json").exists() else {}
    markdown = _HEADER.sub("", _named(stem, "md").read_text(encoding="utf-8")).removesuffix("\n")
    return values.pop("made", {}), values, markdown


def proofs() -> list[dict[str, Any]]:
    """Of which two commits identical.py found that they give the same bytes, in the order in which it did."""
    return list(json.loads(_PROOFS.read_text(encoding="utf-8"))) if _PROOFS.exists() else []


def add_proof(old: str, new: str, jobs: int, besides: Sequence[str] = (), words: Sequence[str] = ()) -> None:
    """That the numbers of so many jobs are the same at two commits.

    besides: parts of the package of which they are not. words: jobs of which texts differ.
    """
    proof = {"old": old, "new": new, "date": _now(), "versions": _versions(), "jobs": jobs}
    proof |= {"besides": list(besides), "texts differ": list(words)}
    _PROOFS.write_text(json.dumps([*proofs(), proof], indent=1) + "\n", encoding="utf-8")


def commit_of(checkout: Path) -> str | None:
    """The commit of a checkout whose package is as it was committed; None of any other folder."""
    if git("status", "--porcelain", "--", "vsdeblur", folder=checkout) != "":
        return None
    return git("rev-parse", "--short=10", "HEAD", folder=checkout)


def digest(values: dict[str, Any], markdown: str) -> str:
    return sha256((json.dumps(values) + markdown).encode()).hexdigest()[:16]


def git(*arguments: str, folder: Path | None = None) -> str | None:
    """What git says in a checkout's folder, the project's own by default; None where it is none or git fails."""
    folder = folder or ROOT
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 and (folder / ".git").exists() else None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _header(made: dict[str, Any]) -> str:
    changed = " with changes that were not committed" if made["uncommitted"] else ""
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items()) or "versions unknown"
    return f"{made['command']}\nat {made['commit']}{changed}, {made['date']}; {versions}"


def _command() -> str:
    """As it was given; of paths the last part alone."""
    words = [Path(word).name if "/" in word or "\\" in word else word for word in sys.argv[1:]]
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def _versions() -> dict[str, str]:
    found = {"python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _named(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}")
