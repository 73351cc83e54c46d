"""What the package itself offers, in whatever order its modules are loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("first", ["import vsdeblur.restore", "from vsdeblur.restore import TensorSource", "pass"])
def test_restore_is_the_function(first: str) -> None:
    code = f"{first}; import vsdeblur; from vsdeblur import restore as f; print(f is vsdeblur.restore, f.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "restore"], done.stderr
