"""How torch's threads wait once a face of the package has been imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

WITHOUT = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}

pytestmark = pytest.mark.quick


def wait_policy(face: str, **environment: str) -> str:
    """What the runtime of OpenMP says of itself as torch loads it."""
    script = f"import {face}; import torch; torch.zeros(8).sum()"
    environment = WITHOUT | {"OMP_DISPLAY_ENV": "true"} | environment
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    found = re.search(r"OMP_WAIT_POLICY\s*=\s*'(\w+)'", done.stderr)
    assert found, done.stderr
    return found[1]


@pytest.mark.parametrize("face", ["vsdeblur", "vsdeblur.cli", "vsdeblur.filters.pyav", "vsdeblur.filters.vapoursynth"])
def test_they_sleep(face: str) -> None:
    assert wait_policy(face) == "PASSIVE"


def test_a_choice_of_the_user_stands() -> None:
    assert wait_policy("vsdeblur", OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
