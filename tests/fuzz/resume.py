"""Damages what an interrupted job left, gives the same command again, and says where the outcome is wrong.

    python -m tests.fuzz.resume --cases 200

A case fails where the command ends with exit code 0 and other frames than those of an undamaged run, fails without one
line of why, takes longer than a minute, or touches a file that is not its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import stat
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from tests.fuzz.damages import DAMAGES
from tests.support.pyav import decode, packets, write_clip
from vsdeblur.cli import main as command_line
from vsdeblur.filters.pyav.segments import opened

SECONDS = 60
WORK = ("--shutter", "0.5", "--preset", "fast", "--quiet", "--resume", "--crf", "0")
FRAMES = 18


class Late(BaseException):
    """A case hangs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case. trouble: what is wrong with that, empty for nothing."""

    number: int
    damage: str
    code: int
    said: str
    trouble: str


class Resumed:
    """A finished job's segments, which were not joined yet, to be damaged copies of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "whole"
        self.folder.mkdir()
        write_clip(self.folder / "in.mp4", FRAMES, (32, 32), audio="aac")
        opened.SECONDS = 0.0  # a segment for every chunk
        join, opened.OpenedJob.join = opened.OpenedJob.join, _stop  # type: ignore[method-assign, assignment]
        code, said = transcode(self.folder)
        opened.OpenedJob.join = join  # type: ignore[method-assign]
        assert code == 130, said
        shutil.copytree(self.folder, folder / "plain", copy_function=shutil.copy2)
        code, said = transcode(folder / "plain")
        assert code == 0, said
        self.result = frame_hashes(folder / "plain" / "out.mkv")

    def case(self, number: int, at: Path) -> Outcome:
        """Case ``number``, in a folder that is made for it."""
        chance = random.Random(number)
        damage = list(DAMAGES)[number % len(DAMAGES)]
        shutil.copytree(self.folder, at, copy_function=shutil.copy2)
        DAMAGES[damage](at / "out.mkv.vsdeblur-parts", chance)
        before = foreign_files(at)
        try:
            signal.alarm(SECONDS)
            code, said = transcode(at)
        except Late:
            return Outcome(number, damage, -1, "", "hangs")
        finally:
            signal.alarm(0)
        return Outcome(number, damage, code, said, self._trouble(at, code, said, before))

    def _trouble(self, at: Path, code: int, said: str, before: dict[str, str]) -> str:
        changed = [name for name, content in before.items() if foreign_files(at).get(name) != content]
        if changed:
            return f"touches {changed}"
        if "Traceback" in said or "VSDEBLUR_DEBUG" in said:
            return "unforeseen"
        if code == 0:
            return "" if frame_hashes(at / "out.mkv") == self.result else "other frames"
        if code not in (1, 2):
            return f"exit code {code}"
        lines = [line for line in said.splitlines() if "are made again" not in line]
        return "" if len(lines) == 1 and not (at / "out.mkv").exists() else "not refused in one line"


def transcode(folder: Path) -> tuple[int, str]:
    """Exit code and standard error of the command."""
    arguments = ["transcode", str(folder / "in.mp4"), str(folder / "out.mkv"), *WORK]
    done = CliRunner().invoke(command_line, arguments, prog_name="vsdeblur")
    if isinstance(done.exception, Late):
        raise done.exception
    return done.exit_code, done.stderr


def frame_hashes(path: Path) -> list[object]:
    """Of all frames with their times, and the packets of the sound."""
    shown = [(frame.pts, hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()) for frame in decode(path)]
    return [*shown, *packets(path, "audio")]


def foreign_files(at: Path) -> dict[str, str]:
    """What lies in a folder and is no work of the command: by name, what it is, and of files the content."""
    found = {}
    for path in sorted(at.rglob("*")):
        mode = path.lstat().st_mode
        own = path.name.endswith((".packets", ".json", ".part.mkv", ".part.packets")) and path.name != "manifest.json"
        if path.name == "out.mkv" or (path.name.endswith("-parts") and path.is_dir() and not path.is_symlink()):
            continue
        if stat.S_ISREG(mode):
            if not own or "deep" in path.parts:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = f"{stat.S_IFMT(mode)} {os.readlink(path) if path.is_symlink() else ''}"
    return found


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _late(*_: object) -> None:
    raise Late


def main() -> int:
    """Run cases and print those that fail, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        whole = Resumed(Path(name))
        for number in range(given.first, given.first + given.cases):
            at = Path(name) / str(number)
            outcome = whole.case(number, at)
            shutil.rmtree(at)
            outcomes.append(outcome)
            if outcome.trouble:
                print(f"{number} {outcome.damage}: {outcome.trouble}: exit {outcome.code}: {outcome.said}", flush=True)
    for (damage, code), count in sorted(Counter((one.damage, one.code) for one in outcomes).items()):
        print(f"{damage:14} exit {code}: {count}")
    failed = sum(bool(one.trouble) for one in outcomes)
    print(f"{len(outcomes)} cases, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
