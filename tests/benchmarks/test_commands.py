"""The benchmark scripts start, and the one that measures memory does so at a tiny size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


NAMES = [
    "adapt",
    "baseline",
    "blind",
    "consistency",
    "deconvolve",
    "denoise",
    "duplicates",
    "equivariant",
    "forms",
    "fuzz",
    "growth",
    "internal",
    "key_frames",
    "light",
    "limits",
    "memory",
    "motion",
    "native",
    "operations",
    "ordinary",
    "overlay",
    "path_forms",
    "quality",
    "shutter",
    "shake",
    "speed",
    "true_motion",
    "truly_blurred",
]
HELP = """
import contextlib, io, json, runpy, sys
folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
said = {}
for name in names:
    sys.argv, out, code = [f"{folder}/{name}.py", "--help"], io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
    said[name] = code, out.getvalue()
json.dump(said, sys.stdout)
"""


def test_scripts_explain_themselves() -> None:
    """In one process: each would load torch again."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, str(FOLDER), *NAMES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == set(NAMES)
    for name, (code, text) in said.items():
        assert not code, name
        assert f"python benchmarks/{name}.py" in text


def test_memory_stays_within_the_plan_and_near_it(tmp_path: Path) -> None:
    tiny = [
        "--size",
        "384x256",
        "--steps",
        "1",
        "--chunks",
        "1",
        "--repeats",
        "1",
        "--factor",
        "2",
        "--budgets",
        "2GiB",
        "--preset",
        "fast",
    ]
    command = [sys.executable, FOLDER / "memory.py", *tiny, "--name", tmp_path / "m"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    runs = json.loads((tmp_path / "m.json").read_text())["runs"]
    assert [run["budget"] for run in runs] == [2**31, 2**31]
    assert [run["host"] for run in runs] == ["pyav", "vapoursynth"]
    for run in runs:  # a plan that forgets a stage lies below, one that counts something four times above
        assert all(run["planned"] / 4 < peak <= run["planned"] for peak in run["peaks"])
        assert min(run["seconds"]) > 0
    assert "| pyav, 2GiB |" in (tmp_path / "m.md").read_text()
