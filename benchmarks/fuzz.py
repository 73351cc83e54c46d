"""How do hostile inputs end? The cases of tests/fuzz by kind: exit codes, time, memory, and what failed.

python benchmarks/fuzz.py --log FILE [--cases 2000] [--first 1]

A line for each case is added to the log as it ends, and cases that it has are not run again, so that hours of them can
be run in pieces; the results are those of all cases in the log. Delete the log when the code changes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common import machine, table
from records import ROOT, write_results

sys.path.insert(0, str(ROOT))  # the cases are the tests' own

from tests.fuzz.run import run_case

MEASURES = ("vsdeblur", "tests/fuzz", "tests/support/pyav.py", ":!vsdeblur/**/*.md")


def read(log: Path) -> dict[int, dict[str, Any]]:
    """Outcomes by number."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {outcome["number"]: outcome for outcome in map(json.loads, lines)}


def row(kind: str, outcomes: list[dict[str, Any]]) -> list[str]:
    """Of the cases of one kind."""
    codes = Counter(outcome["code"] for outcome in outcomes)
    failed = sum(bool(outcome["trouble"]) for outcome in outcomes)
    slowest, most = (max(outcome[name] for outcome in outcomes) for name in ("seconds", "memory"))
    exits = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    return [kind, str(len(outcomes)), exits, f"{slowest:.0f}", str(most >> 20), str(failed)]


def main() -> int:
    """Run the cases that are missing, and write what became of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--name", default="fuzz")
    given = parser.parse_args()

    done = read(given.log)
    for number in range(given.first, given.first + given.cases):
        if number not in done:
            done[number] = asdict(run_case(number))
            with given.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(done[number]) + "\n")
    kinds = sorted({outcome["kind"] for outcome in done.values()})
    rows = [row(kind, [outcome for outcome in done.values() if outcome["kind"] == kind]) for kind in kinds]
    rows.append(row("all", list(done.values())))
    head = ["kind", "cases", "exit codes: cases", "slowest, s", "most memory, MiB", "failed"]
    failed = [{name: outcome[name] for name in ("number", "kind", "trouble")} for outcome in done.values()]
    failed = [outcome for outcome in failed if outcome["trouble"]]
    values = {"machine": machine(), "rows": [dict(zip(head, one, strict=True)) for one in rows], "failed": failed}
    write_results(given.name, values, table(head, rows), MEASURES)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
