"""Runs hostile cases, each in a process of its own, and says which ended otherwise than documented.

    python -m tests.fuzz.run --cases 2000 --first 1

A case fails where it takes longer than a minute, ends by a signal or with an exit code that is not documented, shows a
traceback or a fault that was not foreseen, says nothing of why it failed, holds 2 GiB, or leaves a temporary file. The
minute is one of a processor's time: where others keep it from computing, a case may take five by the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

from tests.fuzz.cases import KINDS, SHARES, build

SECONDS = 60
LONGEST = 5 * SECONDS  # by the clock, of what waits for a processor
MEMORY = 2 << 30  # bytes
CODES = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case. trouble: what is wrong with that, empty for nothing."""

    number: int
    kind: str
    command: list[str]
    code: int
    seconds: float
    memory: int
    trouble: str


def run_case(number: int, kinds: tuple[str, ...] = SHARES) -> Outcome:
    """Case ``number`` in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kind, command = build(number, folder, kinds)
        began = time.monotonic()
        status, used, late = _await(_started(command, folder))
        code = os.waitstatus_to_exitcode(status)
        said = (folder / "stderr.txt").read_text("utf-8", "replace")
        left = [path.name for path in folder.iterdir() if ".part" in path.name and not path.is_dir()]
        memory = used.ru_maxrss * 1024
        trouble = "hangs" if late else _trouble(code, said, memory, left)
        return Outcome(number, kind, command, code, time.monotonic() - began, memory, trouble)


def _started(command: list[str], folder: Path) -> int:
    """The number of a new process that runs the command, its output in files.

    Not a fork: the threads of OpenCV and of encoders, which building cases starts, would be missing in it.
    """
    streams = [(folder / f"{name}.txt").open("w+b") for name in ("stdin", "stdout", "stderr")]
    whole = [sys.executable, "-m", "vsdeblur", *command]
    child = subprocess.Popen(whole, cwd=folder, stdin=streams[0], stdout=streams[1], stderr=streams[2])
    for stream in streams:
        stream.close()
    return child.pid


def _await(child: int) -> tuple[int, resource.struct_rusage, bool]:
    began, process = time.monotonic(), psutil.Process(child)
    while not _is_late(process, time.monotonic() - began):
        found, status, used = os.wait4(child, os.WNOHANG)
        if found:
            return status, used, False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    return status, used, True


def _is_late(process: psutil.Process, seconds: float) -> bool:
    if seconds < SECONDS:
        return False
    spent = process.cpu_times()
    return spent.user + spent.system > SECONDS or seconds > LONGEST


def _trouble(code: int, said: str, memory: int, left: list[str]) -> str:
    if code < 0:
        return f"signal {-code}"
    if code not in CODES:
        return f"exit code {code}"
    if "Traceback" in said or "VSDEBLUR_DEBUG" in said:
        return f"unforeseen: {said.strip().splitlines()[-1]}"
    if code in (1, 2) and "vsdeblur: " not in said and "Usage: " not in said:
        return "fails without a word"
    if memory > MEMORY:
        return f"{memory >> 20} MiB"
    return f"leaves {left}" if left else ""


def main() -> int:
    """Run cases and print those that fail, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=1, help="number of the first")
    parser.add_argument("--kind", choices=tuple(KINDS), action="append", help="of these kinds alone")
    given = parser.parse_args()
    outcomes = []
    for number in range(given.first, given.first + given.cases):
        outcome = run_case(number, tuple(given.kind or SHARES))
        outcomes.append(outcome)
        if outcome.trouble:
            _say(outcome, sys.stdout)
    codes = Counter((outcome.kind, outcome.code) for outcome in outcomes)
    for (kind, code), count in sorted(codes.items()):
        print(f"{kind:10} exit {code}: {count}")
    slowest, largest = max(one.seconds for one in outcomes), max(one.memory for one in outcomes)
    failed = sum(bool(one.trouble) for one in outcomes)
    print(f"{len(outcomes)} cases, {failed} failed; slowest {slowest:.1f} s, most memory {largest >> 20} MiB")
    return int(failed > 0)


def _say(outcome: Outcome, to: TextIO) -> None:
    print(f"{outcome.number} {outcome.kind}: {outcome.trouble}: {' '.join(outcome.command)}", file=to, flush=True)


if __name__ == "__main__":
    sys.exit(main())
