"""Being ended in the middle: a second signal, streams that are cut or closed, disks that are full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vsdeblur.cli import main
from vsdeblur.filters.pyav.file.read import count_frames

WORK = ("--preset", "fast", "--shutter", "0.5", "--quiet")

TWICE = """
import os, signal, sys, time
from pathlib import Path
from vsdeblur.cli._endings import handled
from vsdeblur.files import written
signal.signal(signal.SIGINT, signal.default_int_handler)
with handled(), written(Path(sys.argv[1])):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    finally:  # unwinding that takes too long
        print("unwinding", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
        print("never here", flush=True)
"""


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWICE, str(tmp_path / "out.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "unwinding\n", "vsdeblur: interrupted\n")
    assert list(tmp_path.iterdir()) == []


ANYWHERE = """
import json, os, signal, sys
from pathlib import Path
from vsdeblur.cli._endings import handled
from vsdeblur.files import written
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
OURS = {"files.py", "interrupts.py", "locks.py"}

def attempt(number):
    seen = 0
    def trace(frame, event, argument):
        nonlocal seen
        if Path(frame.f_code.co_filename).name not in OURS:
            return None
        seen += 1
        if seen == number:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace
    ended = "whole"
    try:
        with handled():
            try:
                sys.settrace(trace)
                with written(folder / "out.txt") as temporary:
                    temporary.write_text("whole")
            finally:
                sys.settrace(None)
    except BaseException as error:
        ended = type(error).__name__
    return ended, sorted(path.name for path in folder.iterdir()), seen >= number

found, number, more = [], 1, True
while more:
    *one, more = attempt(number)
    found.append(one)
    for path in folder.iterdir():
        path.unlink()
    number += 1
print(json.dumps(found))
"""


def test_an_interrupt_at_any_line_of_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ANYWHERE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *interrupted, last = json.loads(done.stdout)
    assert len(interrupted) > 40
    assert {ended for ended, _ in interrupted} == {"Interrupted"}
    assert {tuple(names) for _, names in interrupted} == {(), ("out.txt",)}
    assert last == ["whole", ["out.txt"]]


LOST = """
import os, signal, sys, weakref
from vsdeblur.cli._endings import handled, heeding
number = getattr(signal, sys.argv[1])
signal.signal(number, signal.default_int_handler)
class Thing: pass
def killed(_):
    os.kill(os.getpid(), number)
    for _ in range(1000): pass
with handled():
    thing = Thing()
    reference = weakref.ref(thing, killed)
    del thing
    print("went on", flush=True)
    try:
        heeding(print)("never here")
    except BaseException as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(("name", "kind"), [("SIGINT", "Interrupted"), ("SIGTERM", "Ended")])
def test_an_interrupt_that_python_drops_is_raised_by_the_next_progress(name: str, kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOST, name], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"went on\n{kind}\n")
    assert "Exception ignored" in done.stderr


WITHIN_A_STRING = """
import os, signal
from vsdeblur.cli import main
import click
@main.command("halt")
def halt():
    exec("os.kill(os.getpid(), signal.SIGINT); [None for _ in range(1000)]", globals())
signal.signal(signal.SIGINT, signal.default_int_handler)
main(["halt"])
"""


def test_an_interrupt_while_classes_are_made_has_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "halting.py").write_text(WITHIN_A_STRING)
    command = [sys.executable, "-m", "halting"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "vsdeblur: interrupted\n")


def stream(frames: int, more: int = 0) -> bytes:
    """y4m of 16x16, with some bytes of another frame."""
    head = b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\n"
    return head + (b"FRAME\n" + bytes(384)) * frames + (b"FRAME\n" + bytes(384))[:more]


@pytest.mark.parametrize(("more", "code"), [(0, 0), (200, 3)])
@pytest.mark.parametrize("piped", [False, True])
def test_y4m_that_is_cut_within_a_frame(tmp_path: Path, more: int, code: int, piped: bool) -> None:
    (tmp_path / "in.y4m").write_bytes(stream(5, more))
    source = "-" if piped else str(tmp_path / "in.y4m")
    result = CliRunner().invoke(main, ["transcode", source, str(tmp_path / "o.mkv"), *WORK], input=stream(5, more))
    assert result.exit_code == code, result.stderr
    assert ("ends within a frame" in result.stderr) == (code == 3)
    assert count_frames(tmp_path / "o.mkv") == 5


def test_standard_streams_that_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.y4m").write_bytes(stream(5))
    said = []
    for name, arguments in (("stdin", ["-", "o.mkv"]), ("stdout", ["in.y4m", "-"])):
        monkeypatch.chdir(tmp_path)
        code = f"import sys; sys.{name} = None; from vsdeblur.cli import main; main()"
        command: list[Any] = [sys.executable, "-c", code, "transcode", *arguments, *WORK]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1
        said.append(done.stderr)
    assert said == [
        "vsdeblur: standard input is not y4m: it is closed\n",
        "vsdeblur: standard output is closed\n",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_report_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "in.y4m").write_bytes(stream(5))
    target = tmp_path / "o.mkv"
    result = CliRunner().invoke(
        main, ["transcode", str(tmp_path / "in.y4m"), str(target), *WORK, "--report", "/dev/full"]
    )
    assert result.exit_code == 1
    assert "o.mkv is written, but cannot write /dev/full: No space left on device" in result.stderr
    assert count_frames(target) == 5
