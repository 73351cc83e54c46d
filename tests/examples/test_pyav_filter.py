"""The PyAV example runs as its docstring says."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.pyav import times, write_clip

pytestmark = pytest.mark.quick


def test_the_example_deblurs_a_file(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    source = write_clip(tmp_path / "in.mp4", 6)
    command = [sys.executable, str(root / "examples" / "pyav_filter.py"), str(source), str(tmp_path / "out.mp4"), "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("12 frames written")
    assert times(tmp_path / "out.mp4") == [Fraction(n, 60) for n in range(12)]
