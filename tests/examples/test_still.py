"""The example of one picture runs as its first lines say, finds a blur and sharpens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

EXAMPLE = Path(__file__).parents[2] / "examples" / "still.py"


def test_example_runs_and_sharpens(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    found = re.search(r"strokes of ([\d.]+) px, most at (\d+) degrees", done.stdout)
    assert found
    assert 5 < float(found[1]) < 20
    energy = re.search(r"gradients: ([\d.]+) times", done.stdout)
    assert energy
    assert float(energy[1]) > 1.2
    assert {path.name for path in tmp_path.iterdir()} == {"blurry.png", "sharp.png", "kernels.png"}
