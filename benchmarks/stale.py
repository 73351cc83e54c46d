"""Which results are older than the code that they measure, and which were changed by hand?

python benchmarks/stale.py [--strict]

Results are as good as new while the code that they name has not changed since their commit, or has changed only
between two commits of which ``identical.py --record`` says that they give the same bytes (results/identical.json). The
exit code is 1 where a results file does not say where it comes from or is not as its command wrote it; with --strict
also where one is older than its code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from records import RESULTS, digest, git, load, proofs


def altered(stem: Path) -> str | None:
    """Why a results file cannot be what its command wrote; None where it can."""
    made, values, markdown = load(stem)
    if not made:
        return "does not say where it comes from: write it by its command"
    if made["digest"] != digest(values, markdown):
        return "was changed by hand: write it by its command"
    return None


def older(made: dict[str, Any], proved: Sequence[dict[str, Any]]) -> str | None:
    """The commits since which the measured code has changed; None where it has not, or is proved to do the same."""
    commit, paths = made["commit"], made["measures"]
    if git("cat-file", "-e", f"{commit}^{{commit}}") is None:
        return f"measured at {commit}, which this history does not have"
    for proof in proved:
        touched = any(_measures(paths, part) for part in proof["besides"])
        if not touched and _unchanged(commit, proof["old"], paths):
            commit = proof["new"]
    if _unchanged(commit, "HEAD", paths):
        return None
    changes = (git("rev-list", "--count", f"{commit}..HEAD", "--", *paths) or "").strip()
    return f"measured at {made['commit']}, {made['date']}; {changes} changes of its code since"


def _measures(paths: Sequence[str], part: str) -> bool:
    """Whether a part of the package is among the paths."""
    among = any(part.startswith(path) or path.startswith(part) for path in paths if not path.startswith(":!"))
    return among and f":!{part}" not in paths


def _unchanged(begin: str, end: str, paths: Sequence[str]) -> bool:
    return git("diff", "--quiet", begin, end, "--", *paths) is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="exit with 1 where results are older than their code")
    strict = parser.parse_args().strict
    stems = sorted(path.with_suffix("") for path in RESULTS.glob("*.md"))
    wrong = {stem.name: why for stem in stems if (why := altered(stem))}
    for name, why in wrong.items():
        print(f"results/{name} {why}")
    if git("rev-parse", "HEAD") is None:
        print("skipped: whether results are older than their code, which only a checkout of git tells")
        return int(bool(wrong))
    proved = proofs()
    old = {stem.name: why for stem in stems if stem.name not in wrong and (why := older(load(stem)[0], proved))}
    for name, why in old.items():
        print(f"results/{name} is older than its code: {why}")
    print(f"{len(stems) - len(wrong) - len(old)} of {len(stems)} results are as new as the code that they measure")
    return int(bool(wrong) or (strict and bool(old)))


if __name__ == "__main__":
    sys.exit(main())
