"""A few hostile cases of each kind; ``python -m tests.fuzz.run --cases 2000`` runs as many as there is time for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = 12  # of all kinds


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="memory is that of os.wait4")
def test_hostile_cases_end_as_documented() -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", "--cases", str(CASES)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CASES} cases, 0 failed" in done.stdout
