"""examples/slurm.sh: every task of the array makes its segment, and the first one submits the job that joins them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm.sh"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_every_task_makes_its_segment(tmp_path: Path) -> None:
    for name in ("vsdeblur", "sbatch"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
    said = []
    for task in (1, 2):
        slurm = {"TASK_ID": task, "TASK_MIN": 1, "TASK_COUNT": 2, "JOB_ID": 77}
        environment = {f"SLURM_ARRAY_{name}": str(value) for name, value in slurm.items()}
        environment["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        command = ["bash", str(SCRIPT), "in.mov", "my out.mp4", "--factor", "4"]
        said += subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    joins, first, second = said
    assert "--dependency=afterok:77" in joins
    assert r"--wrap vsdeblur join my\ out.mp4" in joins
    assert first == "vsdeblur transcode in.mov my out.mp4 --factor 4 --quiet --max-memory 4GiB --segment 1/2"
    assert second.endswith("--segment 2/2")
