"""The measurement of an accelerator runs to its end where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_a_rehearsal_on_the_processor_runs_to_its_end_and_writes_nothing() -> None:
    before = sorted((FOLDER / "results").glob("gpu*"))
    tiny = ["--sizes", "48x32", "--small", "48x32", "--presets", "fast", "--factor", "1", "--parts", "right", "fast"]
    done = subprocess.run(
        [FOLDER / "gpu.sh", "--device", "cpu", *tiny],
        env=os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no accelerator" in done.stdout
    assert "right | fast, paths" in done.stdout
    assert "Error" not in done.stdout
    assert done.stdout.endswith("gpu.sh: done\n")
    assert sorted((FOLDER / "results").glob("gpu*")) == before
