"""How soon vsdeblur says something, how long it is silent, and what a preview costs beside its transcode.

python benchmarks/feel.py CLIP [--start 1] [--factor 4] [--preset fast] [--name feel]

- first word: from the start of ``vsdeblur transcode`` to the first text on a terminal, the best of three starts; and
  where standard error is a pipe.
- silence: the longest time in which nothing on the terminal changes but the clock and the spinner, while two seconds of
  the clip are restored at 480 pixels.
- preview: all that the page runs for two seconds at 480 pixels, over ``transcode`` of the same alone, map and
  comparison left out.

Seconds on the clock, which need a machine that does nothing else, and beside them those of the processor, which do not.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import machine, table
from records import HOSTS, write_results

from vsdeblur.studio import commands

_PROGRAM = (sys.executable, "-m", "vsdeblur")
_CLOCK = re.compile(rb"\d+:\d\d:\d\d|\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[\xe2][\xa0-\xa3][\x80-\xbf]")  # and the spinner
_TERMINAL = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
_STARTS = 3
_TICKS = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds on the clock, and of the processor."""

    elapsed: float
    processor: float


def processor_of(pid: int) -> float:
    """Seconds of the processor that a process that lives has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def run(command: Sequence[str]) -> Spent:
    """A command to its end."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*_PROGRAM, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def first_word(command: Sequence[str], terminal: bool) -> Spent:
    """To the first text on a terminal or in a pipe; the command is ended then."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    begin = time.perf_counter()
    with subprocess.Popen([*_PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=theirs, env=_TERMINAL) as process:
        os.close(theirs)
        said = b""
        while not re.search(rb"[a-z]{3}", said):
            if not (more := os.read(ours, 4096)):
                raise RuntimeError("the command ended without a word")
            said += more
        spent = Spent(time.perf_counter() - begin, processor_of(process.pid))
        process.kill()
    os.close(ours)
    return spent


def silence(command: Sequence[str]) -> Spent:
    """The longest time without a change on the terminal, and the longest of the processor's."""
    ours, theirs = pty.openpty()
    longest, most = 0.0, 0.0
    with subprocess.Popen([*_PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=theirs, env=_TERMINAL) as process:
        os.close(theirs)
        changed, spent, shown = time.perf_counter(), 0.0, b""
        while process.poll() is None:
            if not select.select([ours], [], [], 0.05)[0]:
                continue
            try:
                said = os.read(ours, 1 << 16)
            except OSError:  # its end
                break
            text = _CLOCK.sub(b"", said)
            if text and text != shown:
                now, used = time.perf_counter(), processor_of(process.pid)
                longest, most = max(longest, now - changed), max(most, used - spent)
                changed, spent, shown = now, used, text
    os.close(ours)
    return Spent(longest, most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--start", type=float, default=1.0)
    parser.add_argument("--factor", default="4")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--name", default="feel")
    given = parser.parse_args()
    found: dict[str, Spent] = {}
    settings = {"factor": given.factor, "preset": given.preset}
    with tempfile.TemporaryDirectory() as folder:
        clip, page = Path(folder) / "preview.mp4", Path(folder) / "page.html"
        steps = commands.preview(given.clip, clip, page, given.start, settings, None)
        alone = [word for word in steps[0] if word != "--map" and not word.endswith("-map.mp4")]
        found["first word"] = min(first_word(alone, terminal=True) for _ in range(_STARTS))
        found["first word in a pipe"] = min(first_word(alone, terminal=False) for _ in range(_STARTS))
        found["longest silence"] = silence(alone)
        found["transcode of 2 s at 480 px"] = run(alone)
        parts = [run(step) for step in steps]
        found["preview of it"] = Spent(sum(p.elapsed for p in parts), sum(p.processor for p in parts))
    rows = [[name, f"{spent.elapsed:.2f}", f"{spent.processor:.2f}"] for name, spent in found.items()]
    whole, base = found["preview of it"], found["transcode of 2 s at 480 px"]
    rows.append(
        ["preview over transcode", f"{whole.elapsed / base.elapsed:.2f}", f"{whole.processor / base.processor:.2f}"]
    )
    text = f"preset {given.preset}, factor {given.factor}, load {os.getloadavg()[0]:.1f}\n\n"
    text += table([given.clip.stem, "seconds", "CPU s"], rows)
    values: dict[str, Any] = {name: spent._asdict() for name, spent in found.items()}
    write_results(given.name, {"machine": machine(), "load": os.getloadavg(), **values}, text, HOSTS)


if __name__ == "__main__":
    main()
