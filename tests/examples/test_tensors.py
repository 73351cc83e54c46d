"""The example for tensors runs as its first lines say, and gains something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

EXAMPLE = Path(__file__).parents[2] / "examples" / "tensors.py"


def test_example_runs_and_gains(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "(6, 3, 64, 96) -> (48, 3, 64, 96)" in done.stdout
    match = re.search(r"PSNR ([\d.]+) dB -> ([\d.]+) dB", done.stdout)
    assert match
    assert float(match[2]) > float(match[1]) + 1
