"""The example that wraps another package's model as a prior runs, and every prior helps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

EXAMPLE = Path(__file__).parents[2] / "examples" / "prior.py"


def test_every_prior_of_the_example_helps(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    found = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    assert found.keys() == {"none", "tv", "video", "kornia"}
    for name in ("tv", "video", "kornia"):
        assert found[name] > found["none"] + 0.3
