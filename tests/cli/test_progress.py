"""The bar between two reports, what it says where there is little room, and progress for programs."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.support.pyav import write_clip
from vsdeblur.cli import main
from vsdeblur.cli._progress import Bar, Pace


def test_the_bar_goes_on_within_a_chunk_and_never_back() -> None:
    now = [0.0]
    pace = Pace(2.0, 8, lambda: now[0])
    seen = []
    for time in (0, 2, 4, 20, 40):
        now[0] = time
        seen.append(pace.outputs)
    assert seen == [0, 1, 2, 7.6, 7.6]
    pace.note(1, 100, 40.0)  # the first of the chunk's eight
    assert pace.outputs == 7.6
    pace.note(8, 100, 41.0)
    assert pace.outputs == 8
    now[0] += 41 / 8  # at the rate so far
    assert pace.outputs == pytest.approx(9)
    pace.note(99, 100, 60.0)
    now[0] += 1000
    assert pace.outputs == 100


def test_without_a_forecast_it_waits_for_the_first_report() -> None:
    now = [0.0]
    pace = Pace(None, 0.0, lambda: now[0])
    now[0] = 50.0
    assert pace.outputs == 0
    pace.note(4, None, 60.0)
    now[0] += 15
    assert pace.outputs == 5


@pytest.mark.parametrize("width", [24, 40, 79, 120])
def test_lines_are_no_wider_than_the_terminal(width: int) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width, color_system=None)
    with Bar(console, 0.5, 8) as bar:
        bar(12, 240, 30.0, 800 << 20)
        bar._progress.refresh()
    shown = [line for line in text.getvalue().replace("\r", "\n").split("\n") if "12/240" in line]
    assert shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown[-1])
    assert len(plain) <= width
    assert "9 min 30 s" in plain


def test_progress_for_programs(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6)
    options = ["--preset", "fast", "--shutter", "0.5", "--progress", "json", "--json"]
    result = CliRunner().invoke(main, ["transcode", str(source), str(tmp_path / "out.mp4"), *options])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert lines[-1].keys() == {"done", "total", "seconds", "memory"}
    assert (lines[-1]["done"], lines[-1]["total"]) == (6, 6)
    assert json.loads(result.stdout)["frames_out"] == 6
