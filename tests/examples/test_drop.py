"""examples/drop: clips that are dropped on a script are inspected, then restored beside the original."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vsdeblur.cli import main

DROP = Path(__file__).parents[2] / "examples" / "drop"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("name", ["vsdeblur-drop.sh", "vsdeblur-drop.command"])
@pytest.mark.parametrize("typed", [None, r"/x/my\ clip.mov ", "'/x/my clip.mov' "])
def test_a_clip_is_dropped_on_the_script_or_into_its_window(tmp_path: Path, name: str, typed: str | None) -> None:
    program = tmp_path / ".local" / "bin" / "vsdeblur"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nfor word in "$@"; do printf "%s|" "$word" >> {shlex.quote(str(tmp_path))}/said; done\n'
    )
    program.chmod(0o755)
    given = [] if typed else ["/x/my clip.mov"]
    answers = f"{typed}\n\n\n" if typed else "\n\n"
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = ["sh", str(DROP / name), *given]
    done = subprocess.run(command, input=answers, env=environment, capture_output=True, text=True, check=True)
    said = (tmp_path / "said").read_text().split("|")
    assert said == [
        *("inspect", "/x/my clip.mov", "--factor", "4", "--frames", "60"),
        *("transcode", "/x/my clip.mov", "/x/my clip-sharp.mp4", "--factor", "4", "--resume", ""),
    ]
    assert "Enter starts" in done.stdout


def test_the_scripts_call_what_there_is() -> None:
    texts = [(DROP / f"vsdeblur-drop.{ending}").read_text() for ending in ("sh", "command", "bat")]
    assert texts[0] == texts[1]
    assert b"\r\n" in (DROP / "vsdeblur-drop.bat").read_bytes()
    for text in texts:
        for command, options in (("inspect", ["--factor", "--frames"]), ("transcode", ["--factor", "--resume"])):
            assert f"vsdeblur {command} " in text
            known = {one for parameter in main.commands[command].params for one in parameter.opts}
            assert set(options) <= known
    assert "Exec=vsdeblur-drop.sh %F" in (DROP / "vsdeblur-drop.desktop").read_text()
