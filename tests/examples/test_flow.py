"""The example that shows motion three ways runs and writes its page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytestmark = pytest.mark.quick

EXAMPLE = Path(__file__).parents[2] / "examples" / "flow.py"


def test_example_writes_its_page(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, EXAMPLE, tmp_path / "page"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(tmp_path / "page" / "flow.png"))
    assert picture is not None
    assert picture.shape == (144, 4 * 256, 3)
    columns = [picture[:, k * 256 : (k + 1) * 256] for k in range(4)]
    assert all(column.std() > 5 for column in columns)
    assert "flow.png" in (tmp_path / "page" / "flow.html").read_text()
